// Names of tools as people get them wrong or see them: the nearest to a guess, the group of one.
//
// Any thread; plain values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace resonant::tools {

// The `count` of `names` nearest to a misspelt one, best first, by edits (Damerau and Levenshtein's
// distance); dots and hyphens count as underscores, what stands after a dot or after a server's name counts as
// a name of its own, and the words of a name may stand in any order (add_memory). The guess is cut at 60 bytes.
std::vector<std::string> nearest_names(std::string_view guess, std::vector<std::string> names,
                                       std::size_t count);

// What stands before the dot of a tool's name: "memory" of "memory.add"; a name without one is its own.
inline std::string_view group_of(std::string_view name) { return name.substr(0, name.find('.')); }

}  // namespace resonant::tools
