// What the headers of a request say, as far as the front acts on it.
//
// Pure functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "resonant/net/http.h"

namespace resonant::mcp {

// The name of "name:80", in lower case; "[::1]" keeps its brackets. Empty for what is no name and port.
std::string host_name(std::string_view text);
// The host of an Origin, "https://name:443"; empty for everything else ("null", a path, user@host).
std::string origin_host(std::string_view origin);
// No Accept header means JSON, and no event stream.
bool accepts_json(const net::HttpRequest& request);
bool accepts_events(const net::HttpRequest& request);
// Plain JSON in UTF-8. A request without a type is none: a web page could send it unasked.
bool is_json(const net::HttpRequest& request);
// A header of which two readers could take different ones; empty when there is none.
std::string said_twice(const net::HttpRequest& request);
std::optional<std::string> copy(const std::string* value);

}  // namespace resonant::mcp
