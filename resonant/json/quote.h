// Quoting: a text as a JSON string, appended to text that is being written by hand where a document would be
// made only to be dumped.
//
// Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

namespace resonant::json {

// `text` is UTF-8; bytes that are none go out as they are.
void append_quoted(std::string& out, std::string_view text);

// Whether every byte is ASCII, and so surely UTF-8.
bool is_ascii(std::string_view text);

}  // namespace resonant::json
