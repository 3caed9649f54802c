// An UpstreamLink carries JSON-RPC messages to one server and back: over the pipes of a child process, or by
// HTTP. It knows ids, but not what the messages are about.
//
// Belongs to the loop's thread.
//
// Invariants:
//   (1) A request that was sent gets its answer through message(), or failed(), or closed(): never silence,
//       unless the server itself stays silent, which is the sender's time limit to notice.
//   (2) No callback comes after closed(), and none from inside send().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "resonant/base/descriptor.h"
#include "resonant/call/upstreams.h"
#include "resonant/net/loop.h"

namespace resonant::mcp {

// One message for the server, with what a transport must know of it.
struct Outgoing {
    std::string text;       // JSON, one line
    std::uint64_t id = 0;   // of a request of ours; 0: a notification or an answer
    std::string method;     // empty for an answer
    std::string name;       // of the tool
    std::string version;    // the negotiated revision, empty before it
    bool modern = false;
    std::vector<std::pair<std::string, std::string>> headers;  // arguments mirrored to Mcp-Param-*
};

// What comes back.
class UpstreamSink {
  public:
    UpstreamSink() = default;
    UpstreamSink(const UpstreamSink&) = delete;
    UpstreamSink& operator=(const UpstreamSink&) = delete;
    virtual ~UpstreamSink() = default;

    // One message. `during`: the request on whose own stream it came, 0 where there is only one stream.
    virtual void message(std::string_view text, std::uint64_t during) = 0;
    // The request gets no answer. `status`: of HTTP, 0 when there was none.
    virtual void failed(std::uint64_t id, const Error& why, int status) = 0;
    // The server refused the request by an HTTP status whose body is the JSON-RPC error `error`.
    virtual void refused(std::uint64_t id, const Json& error, int status) = 0;
    // Something beside requests (the GET stream) was refused: the session may be lost.
    virtual void doubted(const Error& why) = 0;
    // The link is over; everything that is open is lost.
    virtual void closed(const Error& why) = 0;
};

class UpstreamLink {
  public:
    UpstreamLink() = default;
    UpstreamLink(const UpstreamLink&) = delete;
    UpstreamLink& operator=(const UpstreamLink&) = delete;
    virtual ~UpstreamLink() = default;

    virtual void send(Outgoing message) = 0;
    // The sink has seen the answer to this request.
    virtual void answered(std::uint64_t id) { static_cast<void>(id); }
    // Nobody waits for the answer to this request any more.
    virtual void abandon(std::uint64_t id) { static_cast<void>(id); }
    // The handshake is over: what goes on beside requests may start (a legacy GET stream).
    virtual void agreed(const std::string& version, bool modern) {
        static_cast<void>(version);
        static_cast<void>(modern);
    }
    // No callback comes any more: its owner has another link, or none.
    virtual void silence() = 0;
    // What has to be ended beside the link, and may take a moment: a child process. Taken once.
    virtual std::shared_ptr<void> take_process() { return nullptr; }
    // Whether the server gave this connection a session, which it may forget.
    virtual bool has_session() const { return false; }
    // "http", or "stdio".
    virtual std::string_view kind() const = 0;
    // For people: process, noise on stdout, the end of stderr.
    virtual Json facts() const = 0;
};

// A child process, as the broker made it: our ends of its streams, and what keeps it alive.
struct ChildStreams {
    Descriptor input, output, errors;
    int pid = 0;
    std::shared_ptr<void> process;            // ends with the last copy
    std::function<std::string()> how_it_ended;  // "exit code 1"; empty while it runs
};
using StartChild = std::function<Result<ChildStreams>(const call::UpstreamSpec&)>;

// The record with its variables filled in; NotFound names those without a value.
using FillIn = std::function<Result<call::UpstreamSpec>(const call::UpstreamSpec&)>;

// Runs what may block, on a thread of its own. False when it is too busy: the work is dropped.
using Elsewhere = std::function<bool(std::function<void()> work)>;

Result<std::unique_ptr<UpstreamLink>> open_stdio_link(net::Loop& loop, const call::UpstreamSpec& spec,
                                                      const StartChild& start, UpstreamSink& sink);
Result<std::unique_ptr<UpstreamLink>> open_http_link(net::Loop& loop, const call::UpstreamSpec& spec,
                                                     const Elsewhere& elsewhere, UpstreamSink& sink);

}  // namespace resonant::mcp
