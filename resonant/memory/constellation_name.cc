#include "resonant/memory/constellation_name.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "resonant/base/utf8.h"

namespace resonant::memory {
namespace {

constexpr double kTagWeight = 3;
constexpr std::size_t kContentBytes = 400;  // of a text; its beginning says what it is about
constexpr std::size_t kLettersMin = 4;
constexpr std::array<std::string_view, 40> kEmptyWords = {
    "about", "after", "also",  "been",  "before", "both",  "could", "does",  "each",  "every",
    "from",  "have",  "here",  "into",  "just",   "like",  "made",  "make",  "more",  "most",
    "must",  "need",  "only",  "other", "over",   "should", "some", "such",  "than",  "that",
    "their", "them",  "then",  "there", "these",  "this",  "used",  "when",  "will",  "with"};

std::set<std::string> words_in(std::string_view text) {
    std::set<std::string> words;
    std::string word;
    for (const char letter : std::string(text) + " ") {
        const auto byte = static_cast<unsigned char>(letter);
        if (std::isalnum(byte) != 0 || byte >= 0x80) {
            word += static_cast<char>(byte < 0x80 ? std::tolower(byte) : byte);
            continue;
        }
        if (word.size() >= kLettersMin && word.size() <= 32 && std::isdigit(static_cast<unsigned char>(word[0])) == 0 &&
            std::find(kEmptyWords.begin(), kEmptyWords.end(), word) == kEmptyWords.end()) {
            words.insert(word);
        }
        word.clear();
    }
    return words;
}

}  // namespace

void WordCounts::add(std::size_t group, const std::vector<std::string>& tags,
                     std::string_view title, std::string_view content) {
    std::map<std::string, double> counted;
    for (const std::string& word : words_in(cut_utf8(content, kContentBytes))) {
        counted[word] = 1;
    }
    for (const std::string& word : words_in(title)) {
        counted[word] = 2;
    }
    for (const std::string& tag : tags) {
        counted[tag] = kTagWeight;
    }
    for (const auto& [word, weight] : counted) {
        groups_[group][word] += weight;
        everywhere_[word] += weight;
    }
    ++sizes_[group];
}

std::vector<std::string> WordCounts::telling(std::size_t group, std::size_t count) const {
    const auto found = groups_.find(group);
    if (found == groups_.end()) {
        return {};
    }
    // Weight inside times how much of all of it is inside; one memory alone names no group.
    std::vector<std::pair<double, std::string>> ranked;
    const double least = sizes_.at(group) > 1 ? 2 : 1;
    for (const auto& [word, weight] : found->second) {
        if (weight >= least) {
            ranked.emplace_back(-weight * weight / everywhere_.at(word), word);
        }
    }
    std::sort(ranked.begin(), ranked.end());
    std::vector<std::string> words;
    for (std::size_t i = 0; i < std::min(count, ranked.size()); ++i) {
        words.push_back(ranked[i].second);
    }
    return words;
}

std::string name_from(const std::vector<std::string>& words, std::set<std::string>& taken) {
    std::string name = words.empty() ? "unnamed" : words[0];
    if (words.size() > 1) {
        name += ", " + words[1];
    }
    constexpr std::array<std::string_view, 9> kNumbers = {" II", " III", " IV",  " V", " VI",
                                                          " VII", " VIII", " IX", " X"};
    std::string unique = name;
    for (std::size_t i = 0; i < kNumbers.size() && taken.contains(unique); ++i) {
        unique = name + std::string(kNumbers[i]);
    }
    taken.insert(unique);
    return unique;
}

}  // namespace resonant::memory
