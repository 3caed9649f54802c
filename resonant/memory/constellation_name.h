// The name of a group of memories: the words that tell it from the rest. Tags count for more than
// words of titles and texts; a word that is everywhere tells nothing.
//
// Belongs to one thread.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace resonant::memory {

class WordCounts {
  public:
    // Counts one memory of group `group`: each tag and word once.
    void add(std::size_t group, const std::vector<std::string>& tags, std::string_view title,
             std::string_view content);

    // The words that tell `group` from the others, best first.
    std::vector<std::string> telling(std::size_t group, std::size_t count) const;

  private:
    std::map<std::size_t, std::map<std::string, double>> groups_;
    std::map<std::string, double> everywhere_;
    std::map<std::size_t, std::size_t> sizes_;
};

// "release, signing": the first two words; with "II", "III" ... when `taken` has it already.
std::string name_from(const std::vector<std::string>& words, std::set<std::string>& taken);

}  // namespace resonant::memory
