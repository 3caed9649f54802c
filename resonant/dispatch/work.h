// Work is one call on its way through the Dispatcher: private to dispatcher.cc and reply.cc.
//
// Belongs to the thread that carries it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "resonant/dispatch/dispatcher.h"

namespace resonant::dispatch {

struct Dispatcher::Work {
    const tools::Tool* tool = nullptr;
    call::Call call;
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

    static Json error_body(const Error& error, const std::string& tool);
};

}  // namespace resonant::dispatch
