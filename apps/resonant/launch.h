// Starting a kernel in the background, at most one a home however many ask at once.
//
// Belongs to the main thread.
#pragma once

#include <string>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/runtime/home.h"

namespace resonant::app {

// Makes sure that a kernel listens on the home's socket: finds one, or starts this program again as
// `up` with `flags`, detached, its output in <home>/kernel.log, and waits until it answers (15 s).
// The home's start lock is held meanwhile. Unavailable with the log's last lines when it did not start.
Status ensure_kernel(const runtime::Home& home, const std::vector<std::string>& flags);

// True when a kernel answers a ping within half a second.
bool kernel_answers(const runtime::Home& home);

}  // namespace resonant::app
