// Uses are our tools told once more, in the words of somebody who has a wish and does not know our
// vocabulary: "back up or download my notes into a file" for memory.export. A search reads them beside
// the summary; no listing shows them, so they cost no tokens.
//
// Any thread; constant. Every tool of the catalogue has a line (a test sees to it).
#pragma once

#include <string_view>

namespace resonant::tools {

// What `tool` ("memory.export") is used for; empty for a name that is none of ours. O(log n).
std::string_view uses_of(std::string_view tool);

}  // namespace resonant::tools
