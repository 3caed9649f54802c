// Storing a memory on behalf of a call: the one place that fills in who, in which session, and in
// what resonance.
//
// Any thread.
#pragma once

#include "resonant/tools/arguments.h"

namespace resonant::tools {

// Adds `memory`, owned by the caller, and notes it in the session when there is one.
Result<memory::Added> remember(Services& services, const call::Call& call, memory::Memory memory,
                               std::int64_t session, memory::Twin twin = memory::Twin::Reinforce);

}  // namespace resonant::tools
