// Records are what memory.import reads: json, jsonl, csv or markdown text turned into memories,
// each with the line it began on, its key among the others and the links it had. A record that cannot be one says why and does not stop the
// others.
//
// Any thread; no state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/json/json.h"
#include "resonant/memory/memory.h"

namespace resonant::tools {

inline constexpr std::size_t kRecordsMax = 1'000'000;
inline constexpr std::size_t kContentMax = 1'000'000;  // bytes of one memory

struct Record {
    // A link to another record of the same load, by its key.
    struct Tie {
        std::string to;
        std::string type = "related";
        double weight = 0.5;
    };

    std::size_t line = 0;
    memory::Memory memory;  // created_ns and is_archived count, too
    std::string refusal{};  // empty when it may be stored
    std::string key{};      // what other records call it; empty: nothing
    std::vector<Tie> ties{};
};

// Why it cannot be stored; empty when it can.
std::string refusal_of(const memory::Memory& memory);
// The record that a JSON object is; says why when it is none.
Record object_record(const Json& object, std::size_t line);

// json: an array of objects, or {"memories": [...]}. jsonl: an object a line. csv: RFC 4180 with a
// header row; tags are split at ';'. markdown: every heading begins a record. Fields: content
// (required), title, type, tags, importance, protect, private, archived, source, created, id and links
// ([{to, type, weight}]); what memory.export writes is read back whole. InvalidArgument when the
// whole cannot be read, ResourceExhausted past kRecordsMax, Unimplemented for parquet.
Result<std::vector<Record>> parse_records(std::string_view format, std::string_view text);

}  // namespace resonant::tools
