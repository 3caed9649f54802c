// memory.export and datasea.export: memories and tables out of the store, as a page in the answer or as a
// file in an outbox.
#pragma once

#include "resonant/tools/services.h"

namespace resonant::tools {

// Handlers.
Result<Json> export_memories(Services& services, call::Call& call);
Result<Json> export_table(Services& services, call::Call& call);

}  // namespace resonant::tools
