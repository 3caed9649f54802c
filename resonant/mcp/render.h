// Rendering: what a Reply looks like to a client.
//
// Pure functions; any thread.
#pragma once

#include <string>

#include "resonant/call/call.h"

namespace resonant::mcp {

struct RenderOptions {
    bool modern = false;      // with resultType
    bool structured = true;   // with structuredContent (2025-06-18 and later)
};

// The `result` of tools/call as JSON text.
std::string call_result(const call::Reply& reply, RenderOptions options);

// The reply's body as clients see it: its content, and the denial in it when there is one.
Json body_of(const call::Reply& reply);

}  // namespace resonant::mcp
