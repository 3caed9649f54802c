// resonant server: other MCP servers behind this one.
//
// Belongs to the main thread.
#pragma once

#include "apps/resonant/commands.h"

namespace resonant::app {

void add_server_commands(CLI::App& app, Common& common);

}  // namespace resonant::app
