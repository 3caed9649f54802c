// The name that somebody who mistyped probably meant.
//
// Pure; any thread.
#pragma once

#include <string>
#include <vector>

namespace resonant {

// Of `names` the one that `word` begins, or that differs from it by a slip or two (a letter more, less or other, two that
// changed places: one slip for short words, two from six letters on); empty when none is near.
std::string near_name(const std::string& word, const std::vector<std::string>& names);

}  // namespace resonant
