// What other memory products write, as records: the JSON lines of @modelcontextprotocol/server-memory,
// exports of mem0, and the SQLite stores of mem0 (history.db) and WhiteMagic. docs/formats/exchange.md
// says which field becomes what.
//
// Any thread; no state.
#pragma once

#include <filesystem>

#include "resonant/tools/records.h"

namespace resonant::tools {

// One entity becomes one memory with its observations; relations become links and a line in the text. Read twice: of
// each line its place is held in between. ResourceExhausted past two million lines.
Status server_memory_records(TextSource& text, const TakeRecord& take);
// get_all() as JSON ({"results": [...]}, a list, or a line each); graph relations become facts.
Status mem0_records(TextSource& text, const TakeRecord& take);
// mem0's history.db: the newest text of each memory that was not deleted.
Status mem0_store(const std::filesystem::path& file, const TakeRecord& take);
// WhiteMagic's memories with tags, flags, times and associations.
Status whitemagic_store(const std::filesystem::path& file, const TakeRecord& take);

}  // namespace resonant::tools
