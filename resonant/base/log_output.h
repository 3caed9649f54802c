// How the process's log is written: from which level on, as text or as JSON, and what stands before each line.
//
// set_up_log() is called once, before other threads log; the level may change later from any thread.
//
// Invariants:
//   (1) One event is one line: control characters, line ends too, and marks of direction are escaped, so that what
//       others named cannot forge a line or reach a terminal.
//   (2) On the journal's socket a line has its priority in place of a time, which the journal knows itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "resonant/base/result.h"

namespace resonant {

enum class LogFormat : std::uint8_t { Plain, Structured };

struct LogOutput {
    std::string level = "warn";  // trace, debug, info, warn, error or off
    LogFormat format = LogFormat::Plain;
};

// "text" or "json". InvalidArgument for others.
Result<LogFormat> log_format_of(const std::string& name);

bool is_log_level(std::string_view name);

// InvalidArgument for an unknown level. RESONANT_LOG in the environment goes before `level`.
Status set_up_log(const LogOutput& output);

// Whether stderr is the journal's socket ($JOURNAL_STREAM names it).
bool logs_to_journal();

}  // namespace resonant
