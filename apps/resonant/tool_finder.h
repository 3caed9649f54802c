// `resonant tools --search`: the ranking of capability.suggest over our tools or any list of tools, without a kernel.
//
// Belongs to the main thread.
#pragma once

#include <string>

#include "apps/resonant/commands.h"

namespace resonant::app {

struct ToolQuestion {
    std::string query;      // "-": a query a line on standard input, an answer a line on standard output
    std::string catalogue;  // a file that lists tools (see tool_listing.h); empty: ours
    std::size_t limit = 5;
    bool words_only = false;
};

// Prints the tools that fit, best first. Returns the exit code.
int find_tools(const Common& common, const ToolQuestion& question);

}  // namespace resonant::app
