// How a server is written down: the arguments of server.add, the tables of the configuration, the entries of
// <home>/servers.json. What other programs write is read in clients/.
//
// Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "resonant/call/upstreams.h"

namespace resonant::mcp {

inline constexpr std::size_t kServerNameMax = 32;
inline constexpr double kServerTimeoutLeast_s = 0.1, kServerTimeoutMost_s = 3'600;

// A name of [A-Za-z0-9_-], at most kServerNameMax, without "__": other characters become '_'.
std::string server_name(std::string_view text);

// {"name", "command": [...], "url", "env", "headers", "gana", "timeout_s", ...}: as server.add takes it, and back.
Result<call::UpstreamSpec> spec_of(const Json& arguments);
Json json_of(const call::UpstreamSpec& spec);
// Whether the record's lists offer a tool of this name at all.
bool lets_through(const call::UpstreamSpec& spec, const std::string& tool);
// InvalidArgument with the value, the limit and the way out.
Status check(const call::UpstreamSpec& spec);

}  // namespace resonant::mcp
