// What `resonant memory verify` says of a home: the memory by itself (memory/verification.h), the ledger by
// itself, and whether the two agree: no change of a memory without an entry, no entry without its change.
//
// Any thread; with or without a kernel on the home.
#pragma once

#include "resonant/base/result.h"
#include "resonant/json/json.h"
#include "resonant/runtime/home.h"

namespace resonant::runtime {

// {"ok", "memories", "versions", "links", "vectors", "segments", "ledger_entries", "findings": [...],
// "notes": [...]}. Each finding says what is wrong and the way out. Cost: reads everything once or twice.
Result<Json> verify_home(const Home& home);

}  // namespace resonant::runtime
