// Nearest names: what somebody may have meant by a name that no tool has.
//
// Any thread; plain values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace resonant::tools {

// The `count` of `names` nearest to a misspelt one, best first, by edits (Damerau and Levenshtein's
// distance); dots count as underscores, and what stands after a dot or after a server's name counts as
// a name of its own. The guess is cut at 60 bytes.
std::vector<std::string> nearest_names(std::string_view guess, std::vector<std::string> names,
                                       std::size_t count);

}  // namespace resonant::tools
