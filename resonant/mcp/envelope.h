// An Envelope is one JSON-RPC message, sorted: a request, a notification, a response, or something that
// is none of these and says why.
//
// Plain values; any thread.
#pragma once

#include <string>
#include <string_view>

#include "resonant/json/json.h"

namespace resonant::mcp {

// Codes of JSON-RPC and MCP.
inline constexpr int kParseError = -32700;
inline constexpr int kInvalidRequest = -32600;
inline constexpr int kMethodNotFound = -32601;
inline constexpr int kInvalidParams = -32602;
inline constexpr int kInternalError = -32603;
inline constexpr int kKernelStopped = -32000;
inline constexpr int kResourceNotFound = -32002;  // legacy eras
inline constexpr int kHeaderMismatch = -32020;
inline constexpr int kMissingCapability = -32021;
inline constexpr int kUnsupportedVersion = -32022;

struct Envelope {
    enum class Kind : std::uint8_t { Request, Notification, Response, Broken };

    Kind kind = Kind::Broken;
    std::string id;      // JSON text; empty when there is none that can be read
    std::string method;
    Json params = Json::object();  // of a response: its result, or {"error": ...}
    bool failed = false;  // a response that is an error
    int code = 0;        // Broken: the error code
    std::string words;   // Broken: what is wrong
};

// Sorts a parsed message that is no array.
Envelope sort_message(Json message);
// What can be said of a text that does not parse; `why` is the parser's. A request is one all the same when
// only its id is a longer integer than the parser takes.
Envelope sort_unparsed(std::string_view text, const Error& why);

// An id as the text it is known by: a string or an integer, of which 1.0 is one too. Empty when it is none.
std::string id_text(const Json& id);

// {"jsonrpc":"2.0","id":ID,"result":RESULT}; `result` is JSON text.
std::string result_text(std::string_view id, std::string_view result);
// {"jsonrpc":"2.0","id":ID,"error":{..}}; an empty id becomes null, empty data is left out.
std::string error_text(std::string_view id, int code, std::string_view words, const Json& data = {});

}  // namespace resonant::mcp
