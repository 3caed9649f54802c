// Records are what memory.import reads: json, jsonl, csv or markdown text turned into memories,
// each with the line it began on. A record that cannot be one says why and does not stop the
// others.
//
// Any thread; no state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/memory/memory.h"

namespace resonant::tools {

inline constexpr std::size_t kRecordsMax = 100'000;
inline constexpr std::size_t kContentMax = 1'000'000;  // bytes of one memory

struct Record {
    std::size_t line = 0;
    memory::Memory memory;
    std::string refusal;  // empty when it may be stored
};

// json: an array of objects, or {"memories": [...]}. jsonl: an object a line. csv: RFC 4180 with a
// header row; tags are split at ';'. markdown: every heading begins a record. Fields: content
// (required), title, type, tags, importance, protect, private, source. InvalidArgument when the
// whole cannot be read, ResourceExhausted past kRecordsMax, Unimplemented for parquet.
Result<std::vector<Record>> parse_records(std::string_view format, std::string_view text);

}  // namespace resonant::tools
