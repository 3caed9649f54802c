// Where servers are written down: the `mcpServers` JSON of Claude Code, Claude Desktop and Cursor, the
// `servers` JSON of VS Code, and the arguments of server.add. All become UpstreamSpecs.
//
// Pure functions; any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/call/upstreams.h"

namespace resonant::mcp {

inline constexpr std::size_t kServerNameMax = 32;

// The value of a variable, nothing when it is unset.
using Variable = std::function<std::optional<std::string>(const std::string& name)>;

struct ServerFile {
    std::vector<call::UpstreamSpec> servers;
    std::vector<std::string> left_out;  // "name: why"
};

// `text` may hold comments and commas too many, as editors allow. ${VAR}, ${VAR:-otherwise} and ${env:VAR} are
// filled in. InvalidArgument when it is no such file at all; a single server that cannot be used is left out.
Result<ServerFile> read_servers(std::string_view text, const Variable& variable);

// A name of [A-Za-z0-9_-], at most kServerNameMax, without "__": other characters become '_'.
std::string server_name(std::string_view text);

// {"name", "command": [...], "url", "env", "headers", "gana", "timeout_s", ...}: as server.add takes it, and back.
Result<call::UpstreamSpec> spec_of(const Json& arguments);
Json json_of(const call::UpstreamSpec& spec);
// InvalidArgument with the value, the limit and the way out.
Status check(const call::UpstreamSpec& spec);

}  // namespace resonant::mcp
