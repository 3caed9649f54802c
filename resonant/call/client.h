// A Client is whoever made a call, as far as a tool may talk to it while it works: ask it something, tell
// it what goes on. Both eras of the protocol stand behind it; a tool does not know which.
//
// Threads: any; ask() may block and belongs on a worker (Pace::Waits).
//
// Invariants:
//   (1) A client is only asked for what it said it can do.
//   (2) ask() is repeatable: a tool may be run again from its start with the answers known by then
//       (the modern era does that), so a tool asks before it changes anything.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/base/units.h"
#include "resonant/json/json.h"

namespace resonant::call {

// RFC 5424's severities, mildest first.
enum class LogLevel : std::uint8_t { Debug, Info, Notice, Warning, Error, Critical, Alert, Emergency };
inline constexpr std::string_view kLogLevels[] = {"debug", "info",     "notice", "warning",
                                                  "error", "critical", "alert",  "emergency"};

struct Question {
    std::string key;     // names the answer within this call
    std::string method;  // "elicitation/create", "sampling/createMessage", "roots/list"
    Json params = Json::object();
};

class Client {
  public:
    Client() = default;
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    virtual ~Client() = default;

    // Whether it declared a capability: "elicitation", "sampling", "roots".
    virtual bool can(std::string_view capability) const = 0;
    // The results of the questions, in their order. InputRequired: the call must end now and will be made
    // again with the answers. Unavailable: the client cannot do that. Timeout, or Unavailable when it
    // went away; InvalidArgument with its words when it refused.
    virtual Result<std::vector<Json>> ask(const std::vector<Question>& questions) = 0;
    // Dropped when the client did not ask for logs of that level.
    virtual void log(LogLevel level, std::string_view logger, const Json& data) = 0;
    // Lets go of the connection on which the client waits; it comes back for the answer after `retry`.
    // Nothing happens where that is not possible.
    virtual void release(Nanos retry) = 0;
};

}  // namespace resonant::call
