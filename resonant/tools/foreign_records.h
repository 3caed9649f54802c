// What other memory products write, as records: the JSON lines of @modelcontextprotocol/server-memory,
// exports of mem0, and the SQLite stores of mem0 (history.db) and WhiteMagic. docs/formats/exchange.md
// says which field becomes what.
//
// Any thread; no state.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "resonant/tools/records.h"

namespace resonant::tools {

// One entity becomes one memory with its observations; relations become links and a line in the text.
Result<std::vector<Record>> server_memory_records(std::string_view text);
// get_all() as JSON ({"results": [...]}, a list, or a line each); graph relations become facts.
Result<std::vector<Record>> mem0_records(std::string_view text);
// mem0's history.db: the newest text of each memory that was not deleted.
Result<std::vector<Record>> mem0_store(const std::filesystem::path& file);
// WhiteMagic's memories with tags, flags, times and associations.
Result<std::vector<Record>> whitemagic_store(const std::filesystem::path& file);

}  // namespace resonant::tools
