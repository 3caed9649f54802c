// A text of the command line that may lie elsewhere: "-" is standard input, "@FILE" a file.
//
// Belongs to the main thread.
#pragma once

#include <cstddef>
#include <string>

#include "resonant/base/result.h"

namespace resonant::app {

inline constexpr std::size_t kTextBytesMax = 64UL * 1024 * 1024;

// Replaces `word` by what it names; "@@x" becomes "@x", any other word stays. One line end at the end of what was
// read is left out. `input_read` keeps that standard input was read: it can be read once.
Status read_text(std::string& word, bool& input_read);

}  // namespace resonant::app
