// Work is one call on its way through the Dispatcher: private to dispatcher.cc, carry_out.cc, group_commit.cc and
// reply.cc.
//
// Belongs to the thread that carries it; the commit queue hands it from one to the other.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "resonant/dispatch/asked_client.h"
#include "resonant/dispatch/dispatcher.h"

namespace resonant::dispatch {

inline constexpr std::string_view kQueue = "queue";  // named as the stage of what was shed: it is none

struct Dispatcher::Work {
    // What one run inside a transaction gave. Nothing of it counts before the transaction is durable.
    struct Attempt {
        Status kept;  // intent, rows and outcome, or the entry about a denial
        Result<Json> result = fail(Code::Internal, "the transaction did not run");
        std::optional<call::Denial> denial;  // of the ledger: nothing was run
        double debt = 0;                     // for effects that were not declared
        std::vector<ring::Event> events;     // what the handler published: out when its rows are durable
    };

    const tools::Tool* tool = nullptr;                   // of ours, or
    std::shared_ptr<const call::UpstreamTool> upstream;  // of another server
    std::optional<std::uint64_t> intent;                 // of a call to another server that acts
    call::Call call;
    std::shared_ptr<AskedClient> client;                 // call.client, watched; of calls that may ask it
    call::Reply reply;
    std::function<void(call::Reply)> done;
    std::vector<govern::Passage> passages;
    std::string thread;              // key of the resonance history
    board::Harmony harmony;          // the board at the start
    board::Resonance resonance;
    std::uint64_t chain = 0;
    std::int64_t ring_position = -1;
    Nanos started{};                 // monotonic
    bool admitted = false;           // the pipeline let it through and it is not settled yet
    // What most calls never have is made when it is there, so that a Work stays a small piece of memory (below 1 KiB).
    std::unique_ptr<call::Denial> denial;  // of the precheck or a stage
    std::unique_ptr<Attempt> attempt;      // of a call that the commit queue carries out
    govern::Hash arguments{};              // their hash, of such a call: made before it waits for its turn

    void deny(std::optional<call::Denial> why) {
        denial = why ? std::make_unique<call::Denial>(std::move(*why)) : nullptr;
    }
    // Whether a failure with this code is the tool's. What its client cancelled, or would not answer, says nothing
    // about the tool.
    govern::Settled settled_by(Code code) const {
        return call.is_cancelled() || (client && client->failed()) ? govern::Settled::NotRun : govern::settled_by(code);
    }
    static Json error_body(const Error& error, const std::string& tool);
};

}  // namespace resonant::dispatch
