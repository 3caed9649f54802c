// What the table of commands says of itself: --help, and manual pages for man(1).
//
// Any thread; pure.
#pragma once

#include <string>
#include <vector>

#include "apps/resonant/command.h"

namespace resonant::app {

// How help writes an argument's name: "QUERY", "--limit N", "[COMMAND...]".
std::string shown_name(const Argument& argument);

// The help of the row `name`; empty: of the whole program.
std::string help_text(const Commands& commands, const std::vector<Argument>& common, const std::string& name);

// The same as a manual page in man(7)'s macros: resonant.1, resonant-memory-add.1 ...
std::string man_page(const Commands& commands, const std::vector<Argument>& common, const std::string& name,
                     const std::string& version);

}  // namespace resonant::app
