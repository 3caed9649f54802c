// The processor that a program needs: x86-64 with SSE4.2 (the level x86-64-v2, Intel since 2008, AMD since
// 2011), because the Arrow libraries are compiled for it. Everything above that level is found at run time and
// used where it is there: see search/kernels.h and embed/encoder_kernels.h.
//
// Any thread; no state.
//
// Invariants:
//   (1) A processor below the level is refused in words at the start, before an instruction that it lacks ends
//       the process with SIGILL. (ProcessorTest.names_what_is_missing_and_the_way_out)
#pragma once

#include "resonant/base/result.h"

namespace resonant {

// Unavailable with the way out unless `has_level`.
Status processor_verdict(bool has_level);
// The same of the processor at hand. O(1).
Status check_processor();

}  // namespace resonant
