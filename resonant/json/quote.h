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

// Whether `text` stands in a JSON string as it is: ASCII, and nothing to escape.
bool is_plain(std::string_view text);

// `text`, with U+FFFD for each byte, or beginning of a character, that is not UTF-8.
std::string valid_utf8(std::string_view text);

}  // namespace resonant::json
