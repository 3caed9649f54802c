// A Call is one request on its way down the stairs: which tool, with what arguments, by whom. A Reply
// is what walks up again.
//
// A Call belongs to the thread that carries it.
//
// Invariants:
//   (1) The Caller comes from the transport (peer uid, token), never from arguments.
//   (2) Exactly one Reply answers a Request.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "resonant/base/units.h"
#include "resonant/call/client.h"
#include "resonant/call/contract.h"
#include "resonant/call/memo.h"

namespace resonant::call {

enum class Transport : std::uint8_t { Stdio, Http, Operator, Internal };

struct Caller {
    std::string principal;       // stable name: "uid:1000", "token:3fa2...", "operator"
    std::string client;          // what the client says it is; shown, never trusted
    Role role = Role::Agent;
    Transport transport = Transport::Internal;
    bool contained = false;      // another uid or a sandbox
    std::uint64_t connection = 0;  // one client keeps one connection (stdio), else 0
};

// What a client asked, before the router looked at it.
struct Request {
    std::string tool;        // family wire name, dotted name or wire name of a tool
    Json arguments;          // as sent
    Caller caller;
    std::string trace;       // traceparent, or empty
    std::shared_ptr<std::atomic<bool>> cancelled;  // set by the transport; waiting tools look at it
    std::function<void(double done, double total, const std::string& words)> progress;  // may be empty
    std::shared_ptr<Client> client;  // to ask and to tell; none for calls of the system itself
};

// Why a call was refused, in words a model can act on.
struct Denial {
    std::string code;     // "rate_limited", "circuit_open", "permission_denied", "immature", "blocked", ...
    std::string stage;    // "precheck" is never named here: the stage whose word it read is
    std::string rule;     // the rule or limit that decided
    std::string reason;   // one sentence
    std::string way_out;  // what would help
    std::optional<double> retry_after_s;
};

// Observed effects of a handler.
struct Effects {
    std::uint32_t rows_inserted = 0;
    std::uint32_t rows_updated = 0;
    std::uint32_t rows_deleted = 0;
    std::uint32_t processes = 0;
    std::uint32_t files_written = 0;
    bool refused_write = false;  // a tool declared as reading tried to write
};

// The resonance a call carries into the rows it writes: numbers as on the board.
struct Tone {
    std::uint8_t predecessor = 0;  // family of the call before, 1..28
    std::uint8_t phase = 0;
    std::uint8_t posture = 0;
};

// A call that the router has resolved and the pipeline judges.
struct Call {
    const Contract* contract = nullptr;
    Json arguments = Json::object();
    Caller caller;
    std::string session;        // session_id of the arguments or the connection's default; may be empty
    std::uint64_t id = 0;       // counts up within a kernel's life
    Nanos at{};                 // wall clock
    std::string trace;
    std::shared_ptr<std::atomic<bool>> cancelled;
    std::function<void(double, double, const std::string&)> progress;
    std::shared_ptr<Client> client;  // may be empty
    Json blocks;                // content blocks of the protocol in place of the answer as text; handlers set it
    Memo* memo = nullptr;       // of the caller's principal; none: everything is looked up by name
    Effects effects;            // handlers that touch the outside add to it
    Tone tone;

    bool is_cancelled() const { return cancelled && cancelled->load(std::memory_order_relaxed); }
};

struct Reply {
    Json content = Json::object();     // structured answer, or the error's body
    Json blocks;                       // content blocks in place of the text of `content`; null when there are none
    std::string text;                  // the same as JSON text, where it is known already; else empty
    bool error = false;                // isError of the protocol
    std::optional<Denial> denial;
    std::string resonance;             // compact resonance context for _meta, a JSON object; or empty
    std::string tool;                  // dotted name that ran, empty when none was found
};

// The one door for every call: the dispatcher behind the protocol, and what runtime binds for monitors.
class Door {
  public:
    Door() = default;
    Door(const Door&) = delete;
    Door& operator=(const Door&) = delete;
    virtual ~Door() = default;

    // Calls `done` exactly once: before returning for fast tools, later and from a worker for others.
    virtual void submit(Request request, std::function<void(Reply)> done) = 0;
};

}  // namespace resonant::call
