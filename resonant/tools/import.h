// memory.import: bulk load of files of any size, read as a stream, with progress between batches.
#pragma once

#include "resonant/tools/services.h"

namespace resonant::tools {

// Handler of memory.import.
Result<Json> import_memories(Services& services, call::Call& call);

}  // namespace resonant::tools
