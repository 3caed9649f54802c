// Logging goes to stderr, one line an event; stdout belongs to the protocol. Built on spdlog, whose
// macros and levels are used as they are: resonant::log().warn("home {}: {}", path, reason).
//
// Any thread.
#pragma once

#include <spdlog/spdlog.h>

namespace resonant {

// The process's logger: stderr, ISO time, level, words. Level from RESONANT_LOG (trace, debug, info,
// warn, error, off); warn when unset or misspelt.
spdlog::logger& log();

}  // namespace resonant
