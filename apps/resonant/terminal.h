// Questions to a person at the terminal.
//
// Belongs to the main thread, one question at a time. Invariants: (1) what is typed after a hidden question appears nowhere:
// the echo is off before the question is shown; (2) the terminal is as it was afterwards, also when a signal ends the program
// at the question.
#pragma once

#include <optional>
#include <string>

namespace resonant::app {

// A line from standard input, shown while it is typed or hidden; nothing without a terminal, or at its end. The question goes
// to standard error. What was typed ahead of a hidden question is dropped, as getpass(3) does.
std::optional<std::string> ask_line(const std::string& question, bool hidden);

// Asks until Enter: "y", "Y" or "yes".
bool agreed(const std::string& question);

}  // namespace resonant::app
