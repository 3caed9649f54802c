// Starting a kernel in the background, at most one a home however many ask at once.
//
// Belongs to the main thread.
#pragma once

#include <string>
#include <vector>

#include "apps/resonant/commands.h"
#include "resonant/base/result.h"
#include "resonant/runtime/home.h"

namespace resonant::app {

enum class Launch : std::uint8_t { Started, WasRunning };

// Makes sure that a kernel listens on the home's socket: finds one, or starts this program again as
// `up` with `flags`, detached, its log in <home>/kernel.log (a log of more than 8 MiB becomes kernel.log.1), and waits
// until it answers (15 s). The home's start lock is held meanwhile. Unavailable with what it logged when it did not start.
Result<Launch> ensure_kernel(const runtime::Home& home, const std::vector<std::string>& flags);

// True when a kernel answers a ping within half a second.
bool kernel_answers(const runtime::Home& home);

// The one rule for commands that store or ask something: finds a kernel, or starts one as `resonant mcp` does, and says
// so on stderr unless it shall be quiet. KernelNeed::Asked: NotFound where there is no home.
Status need_kernel(const Common& common, KernelNeed need = KernelNeed::Started);

}  // namespace resonant::app
