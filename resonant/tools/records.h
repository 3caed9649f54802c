// Records are what memory.import reads: json, jsonl, csv or markdown text turned into memories, one after another,
// each with the line it began on, its key among the others and the links it had. A record that cannot be one says why
// and does not stop the others. Of a text of any size no more than one record is held.
//
// Any thread; no state.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/json/json.h"
#include "resonant/memory/memory.h"
#include "resonant/tools/record_names.h"
#include "resonant/tools/text_source.h"

namespace resonant::tools {

inline constexpr std::size_t kContentMax = 1'000'000;        // bytes of one memory
inline constexpr std::size_t kRecordBytes = json::kTextMax;  // of one record as text

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
    std::string galaxy{};                // where it lay; empty: not said
    std::string who{};                   // a tag that tells one person's memory from another's: "user:alice"
    std::vector<std::string> unknown{};  // names of members that mean nothing here
};

// How a text is read: what its fields are called, and what the file is called, for titles.
struct Reading {
    RecordNames names{};
    std::string name{};
};

// Takes one record after another, and how much of the whole is read with it, 0 to 1. An error of its own ends the
// reading, and is what the reading returns.
using TakeRecord = std::function<Status(Record record, double share)>;

// Why it cannot be stored; empty when it can.
std::string refusal_of(const memory::Memory& memory);
// The record that a JSON object is, whatever its fields are called; says why when it is none.
Record object_record(const Json& object, std::size_t line, const RecordNames& names = {});
// A word of others as a tag; what is too long or has control characters is left out, for the text has it, too.
void add_tag(memory::Memory& memory, const std::string& word);
// "name:value" for each member, as other products keep what they know besides.
void add_metadata(memory::Memory& memory, const Json& metadata);

Record refused_record(std::size_t line, std::string why);

// json: an array of objects, or {"memories": [...]}. jsonl: an object a line. csv: RFC 4180 with a
// header row, its columns between commas, semicolons or tabs; tags are split at ';'. markdown: front matter, then every
// heading begins a record. Fields: content
// (required), title, type, tags, importance, protect, private, archived, source, created, id, galaxy and links
// ([{to, type, weight}]), or what RecordNames take for these; what memory.export writes is read back whole.
// server_memory, mem0, chatgpt, claude, claude_code: see foreign_records.h.
// InvalidArgument with the line where the text is not of its format, so that what follows cannot be read; the records
// before it were given away by then.
Status read_records(std::string_view format, TextSource& text, const TakeRecord& take, const Reading& reading = {});

}  // namespace resonant::tools
