#include "resonant/memory/word_query.h"

#include <algorithm>
#include <vector>

namespace resonant::memory {
namespace {

bool is_space(char letter) {
    return letter == ' ' || (letter >= '\t' && letter <= '\r') || letter == '\0';
}

// Letters and digits as the index sees them; what lies above ASCII is left to its tokenizer.
bool is_letter(char letter) {
    return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'z') ||
           (letter >= 'A' && letter <= 'Z') || static_cast<unsigned char>(letter) >= 0x80;
}

// The parts of one word, between quotes: a phrase. Empty when there is no letter in it.
std::string phrase(std::string_view word) {
    std::string text;
    bool pause = false;
    for (const char letter : word) {
        if (!is_letter(letter)) {
            pause = !text.empty();
            continue;
        }
        if (pause) {
            text += ' ';
            pause = false;
        }
        text += letter;
    }
    return text.empty() ? text : "\"" + text + "\"";
}

}  // namespace

WordQuery word_query(std::string_view text) {
    std::vector<std::string> phrases;
    while (!text.empty() && phrases.size() < kQueryWordsMax) {
        const auto start = std::find_if_not(text.begin(), text.end(), is_space);
        const auto stop = std::find_if(start, text.end(), is_space);
        std::string found = phrase(std::string_view(start, stop));
        if (!found.empty() && std::find(phrases.begin(), phrases.end(), found) == phrases.end()) {
            phrases.push_back(std::move(found));
        }
        text = std::string_view(stop, text.end());
    }
    WordQuery query;
    query.words = phrases.size();
    for (const std::string& each : phrases) {
        query.any += (query.any.empty() ? "" : " OR ") + each;
        query.all += (query.all.empty() ? "" : " AND ") + each;
    }
    if (phrases.size() < 2) {
        query.all.clear();
    }
    return query;
}

bool has_words(std::string_view text) { return std::any_of(text.begin(), text.end(), is_letter); }

}  // namespace resonant::memory
