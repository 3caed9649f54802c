// What other products write, as records: the graph of @modelcontextprotocol/server-memory, exports of mem0, the SQLite
// stores of mem0 (history.db), WhiteMagic, mcp-memory-service and OpenMemory, and conversations of ChatGPT, Claude and
// Claude Code. docs/formats/exchange.md says which field becomes what.
//
// Any thread; no state.
#pragma once

#include <filesystem>

#include "resonant/tools/records.h"

namespace resonant::tools {

// One entity becomes one memory with its observations; relations become links and a line in the text. The file's lines,
// or what read_graph answers as one document. Lines are read twice, and of each its place is held in between:
// ResourceExhausted past two million. A document is held as a whole: ResourceExhausted past 64 MiB.
Status server_memory_records(TextSource& text, const TakeRecord& take);
// get_all() as JSON ({"results": [...]}, a list, or a line each); graph relations become facts.
Status mem0_records(TextSource& text, const TakeRecord& take);
// conversations.json of a ChatGPT or a Claude export: a question and what was answered become one memory.
Status conversation_records(TextSource& text, const TakeRecord& take);
// The lines of a session of Claude Code, likewise.
Status session_records(TextSource& text, const TakeRecord& take);
// mem0's history.db: the newest text of each memory that was not deleted.
Status mem0_store(const std::filesystem::path& file, const TakeRecord& take);
// WhiteMagic's memories with tags, flags, times and associations.
Status whitemagic_store(const std::filesystem::path& file, const TakeRecord& take);
// Any store with a table `memories`, its columns called as in RecordNames: mcp-memory-service, OpenMemory.
Status sqlite_store(const std::filesystem::path& file, const TakeRecord& take, const RecordNames& names);
// Which of them a store is: "mem0", "whitemagic" or "sqlite". InvalidArgument when it is none.
Result<std::string> kind_of_store(const std::filesystem::path& file);

}  // namespace resonant::tools
