// The fixtures of the protocol's own conformance suite (npm @modelcontextprotocol/conformance): tools,
// prompts and resources with fixed answers, offered only by `resonant up --conformance`. The tools pass the
// same door and stages as all others.
//
// Used while a kernel is built; constant after.
#pragma once

#include <functional>
#include <vector>

#include "resonant/mcp/server.h"
#include "resonant/tools/toolbox.h"

namespace resonant::runtime {

// `changed` tells clients of a change that a fixture pretends.
void add_fixture_tools(tools::Toolbox& toolbox, std::function<void(mcp::Change)> changed);
std::vector<mcp::Prompt> fixture_prompts();
std::vector<mcp::Resource> fixture_resources();

}  // namespace resonant::runtime
