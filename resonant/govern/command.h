// classify() tells how risky a command is before anybody runs it: safe, caution, dangerous, forbidden,
// and why. It reads words as a shell would (quotes, pipes, substitutions, `sh -c`, sudo), never
// substrings: "harmony" is no harm and `echo "rm -rf /"` deletes nothing.
//
// Threads: any; no state.
//
// Invariants:
//   (1) A line that cannot be read (an open quote, nesting beyond kCommandDepthMax) is dangerous.
//   (2) The risk of a line is the worst of its commands.
//
// A smoke alarm, not a lock: what holds a program is the sandbox.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "resonant/call/call.h"

namespace resonant::govern {

inline constexpr int kCommandDepthMax = 8;

enum class Risk : std::uint8_t { Safe, Caution, Dangerous, Forbidden };
std::string_view name_of(Risk risk);  // "safe", "caution", "dangerous", "forbidden"

struct Classification {
    Risk risk = Risk::Safe;
    std::string rule;    // "recursive_delete_root", empty when safe
    std::string reason;  // one sentence
};

// A shell line, as a person types it.
Classification classify(std::string_view line);
// A program and its arguments, as execve takes them: only `sh -c` and the like are read as a line.
Classification classify(std::span<const std::string> arguments);

// An argument vector as one line that reads back as the same vector: words with anything but
// [A-Za-z0-9_@%+=:,./-] stand in single quotes.
std::string command_line(std::span<const std::string> arguments);

// The command that an executing tool is asked to run: its argument "command", a list of words or a line.
struct Command {
    std::string line;
    Classification classification;
};
// Nothing for tools that do not execute and for calls without a command.
std::optional<Command> command_of(const call::Call& call);

}  // namespace resonant::govern
