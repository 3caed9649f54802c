// What `resonant memory verify` says of a home: the memory by itself (memory/verification.h), the ledger by
// itself, and whether the two agree: no change of a memory without an entry, no entry without its change.
//
// Any thread; with or without a kernel on the home.
#pragma once

#include "resonant/base/result.h"
#include "resonant/json/json.h"
#include "resonant/memory/verification.h"
#include "resonant/runtime/home.h"

namespace resonant::runtime {

inline constexpr int kHomeSteps = memory::kVerificationSteps + 2;

// {"ok", "memories", "versions", "links", "vectors", "segments", "ledger_entries", "findings": [...],
// "notes": [...]}. Each finding says what is wrong and the way out. `step` hears which of
// kHomeSteps begins. Cost: reads everything once or twice.
Result<Json> verify_home(const Home& home, const memory::VerificationStep& step = {});

}  // namespace resonant::runtime
