// Clauses are the parts of a request that each may want a tool of its own: sentences, and what stands
// behind "and then", "also" or "as well as". A tool that fits one part well is found even when the rest
// of a long request is about something else.
//
// Any thread; plain values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace resonant::tools {

inline constexpr std::size_t kClausesMax = 8;

// At least two parts, at most kClausesMax, in the order of the text; none when the request is one part.
// Scraps of less than three words and 20 bytes are left out. O(bytes).
std::vector<std::string> clauses_of(std::string_view request);

}  // namespace resonant::tools
