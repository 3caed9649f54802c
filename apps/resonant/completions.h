// Completion scripts for shells, made from the table of commands.
//
// Any thread; pure.
#pragma once

#include <string>
#include <vector>

#include "apps/resonant/command.h"

namespace resonant::app {

// For "bash", "zsh" or "fish"; empty for another shell.
std::string completion_script(const std::string& shell, const Commands& commands, const std::vector<Argument>& common);

}  // namespace resonant::app
