#include "resonant/memory/word_query.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

#include "resonant/base/spaceless.h"

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

// In alphabetical order. Only words that say nothing by themselves: "not", "no" and "may" do.
constexpr std::array<std::string_view, 77> kStopWords = {
    "a", "about", "an", "and", "are", "as", "at", "be", "been", "by", "can", "could", "did", "do",
    "does", "doing", "for", "from", "had", "has", "have", "having", "he", "her", "hers", "him",
    "his", "how", "i", "if", "in", "into", "is", "it", "its", "just", "me", "mine", "my", "of",
    "on", "or", "our", "ours", "shall", "she", "should", "so", "than", "that", "the", "their",
    "them", "then", "there", "these", "they", "this", "those", "to", "was", "we", "were", "what",
    "when", "where", "which", "who", "whom", "whose", "why", "will", "with", "would", "you",
    "your", "yours"};

// The word without a possessive s, with a straight or a curved apostrophe.
std::string_view without_possessive(std::string_view word) {
    while (!word.empty() && !is_letter(word.back())) {
        word.remove_suffix(1);
    }
    for (const std::string_view ending : {"'s", "\xe2\x80\x99s", "'S"}) {
        if (word.size() > ending.size() && word.ends_with(ending)) {
            word.remove_suffix(ending.size());
        }
    }
    return word;
}

// What is left of "I'm", "don't", "we've" behind the apostrophe.
bool is_ending(std::string_view part) {
    constexpr std::array<std::string_view, 7> kEndings = {"d", "ll", "m", "re", "s", "t", "ve"};
    return std::find(kEndings.begin(), kEndings.end(), part) != kEndings.end();
}

// Whether each part of a phrase is a stop word, or the ending of one.
bool says_nothing(std::string_view phrase) {
    bool has_stop_word = false;
    std::string part;
    for (const char letter : phrase.substr(1)) {
        if (letter != ' ' && letter != '"') {
            part += letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
            continue;
        }
        const bool is_stop = is_stop_word(part);
        if (!is_stop && !is_ending(part)) {
            return false;
        }
        has_stop_word = has_stop_word || is_stop;
        part.clear();
    }
    return has_stop_word;
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

// Each two letters of the phrase that follow each other in a script without spaces.
std::vector<std::string> pairs_in(std::string_view phrase) {
    std::vector<std::string> pairs;
    std::string_view before;
    std::size_t run = 0;
    for (std::size_t at = 0; at < phrase.size();) {
        const Utf8Letter letter = letter_at(phrase, at);
        const std::string_view own = phrase.substr(at, letter.bytes);
        run = is_spaceless(letter.letter) ? run + 1 : 0;
        if (run >= 2) {
            pairs.push_back("\"" + std::string(before) + std::string(own) + "\"");
        }
        before = own;
        at += letter.bytes;
    }
    return pairs;
}

}  // namespace

WordQuery word_query(std::string_view text) {
    std::vector<std::string> phrases;
    while (!text.empty() && phrases.size() < kQueryWordsMax) {
        const auto start = std::find_if_not(text.begin(), text.end(), is_space);
        const auto stop = std::find_if(start, text.end(), is_space);
        std::string found = phrase(without_possessive(std::string_view(start, stop)));
        if (!found.empty() && std::find(phrases.begin(), phrases.end(), found) == phrases.end()) {
            phrases.push_back(std::move(found));
        }
        text = std::string_view(stop, text.end());
    }
    std::vector<std::string> telling;
    std::copy_if(phrases.begin(), phrases.end(), std::back_inserter(telling),
                 [](const std::string& each) { return !says_nothing(each); });
    if (!telling.empty()) {
        phrases = std::move(telling);
    }
    WordQuery query;
    for (const std::string& each : phrases) {
        query.all += (query.all.empty() ? "" : " AND ") + each;
    }
    const std::size_t whole = phrases.size();
    for (std::size_t i = 0; i < whole; ++i) {
        for (std::string& pair : pairs_in(phrases[i])) {
            if (phrases.size() < kQueryWordsMax && std::find(phrases.begin(), phrases.end(), pair) == phrases.end()) {
                phrases.push_back(std::move(pair));
            }
        }
    }
    query.words = phrases.size();
    for (const std::string& each : phrases) {
        query.any += (query.any.empty() ? "" : " OR ") + each;
    }
    if (phrases.size() < 2) {
        query.all.clear();
    }
    return query;
}

bool is_stop_word(std::string_view word) {
    return std::binary_search(kStopWords.begin(), kStopWords.end(), word);
}

bool has_words(std::string_view text) { return std::any_of(text.begin(), text.end(), is_letter); }

}  // namespace resonant::memory
