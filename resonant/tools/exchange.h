// Exchange writes memories as text that others read and memory.import reads back whole: a JSON object a
// line, CSV after RFC 4180, or Markdown a person can read.
//
// Any thread; no state.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "resonant/json/json.h"
#include "resonant/memory/data_sea.h"

namespace resonant::tools {

// What begins the comment under a heading of exported Markdown.
inline constexpr std::string_view kMarkdownMark = "<!-- resonant: ";

// Everything of a memory that import takes, with the links that lead from it; members with nothing to say
// are left out.
Json exchange_object(const memory::Memory& memory, std::span<const memory::Edge> links);

// What stands before and behind the records of a whole file in `format`: json, jsonl, csv, markdown.
std::string exchange_head(std::string_view format);
std::string exchange_foot(std::string_view format);
// One record; `first` in its file.
std::string exchange_record(std::string_view format, const memory::Memory& memory,
                            std::span<const memory::Edge> links, bool first);

}  // namespace resonant::tools
