// Reads a command line by the table of commands. Names that are nearly right are suggested.
//
// Belongs to the main thread.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "apps/resonant/command.h"

namespace resonant::app {

// The command that is meant, its values in their places; or the exit code after help (0) was printed, or on
// stderr what is wrong (2).
std::expected<const Command*, int> parse(const Commands& commands, const std::vector<Argument>& common,
                                         const std::string& version, int argc, const char* const* argv);

// The row of this name; null when there is none.
const Command* find(const Commands& commands, const std::string& name);

}  // namespace resonant::app
