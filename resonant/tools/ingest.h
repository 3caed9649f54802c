// galaxy.ingest: files of an allowed folder read into a store, a memory a heading or a stretch of text.
#pragma once

#include "resonant/tools/services.h"

namespace resonant::tools {

// Handler of galaxy.ingest.
Result<Json> ingest_files(Services& services, call::Call& call);

}  // namespace resonant::tools
