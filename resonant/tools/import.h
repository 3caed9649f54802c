// memory.import: bulk load, one transaction for each kBatch records, progress after each.
#pragma once

#include "resonant/tools/services.h"

namespace resonant::tools {

inline constexpr std::size_t kImportBatch = 200;

// Handler of memory.import.
Result<Json> import_memories(Services& services, call::Call& call);

}  // namespace resonant::tools
