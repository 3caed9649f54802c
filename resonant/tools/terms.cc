#include "resonant/tools/terms.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace resonant::tools {
namespace {

// Words that say nothing about a goal.
constexpr std::string_view kEmpty[] = {
    "a",    "about", "all",   "am",    "an",    "and",  "any",   "are",   "as",     "at",    "be",
    "been", "by",    "can",   "could", "did",   "do",   "does",  "for",   "from",   "get",   "give",
    "had",  "has",   "have",  "help",  "how",   "i",    "if",    "in",    "into",   "is",    "it",
    "its",  "let",   "like",  "me",    "my",    "need", "of",    "on",    "or",     "our",   "out",
    "over", "please", "should", "show", "so",   "some", "that",  "the",   "their",  "them",  "then",
    "there", "these", "they", "this",  "those", "to",   "up",    "us",    "use",    "using", "want",
    "was",  "we",    "were",  "what",  "when",  "where", "which", "will", "with",   "would", "you",
    "your"};

bool is_vowel(std::string_view word, std::size_t at) {
    switch (word[at]) {
        case 'a': case 'e': case 'i': case 'o': case 'u': return true;
        case 'y': return at > 0 && !is_vowel(word, at - 1);
        default: return false;
    }
}

bool has_vowel(std::string_view word) {
    for (std::size_t i = 0; i < word.size(); ++i) {
        if (is_vowel(word, i)) {
            return true;
        }
    }
    return false;
}

// How often consonants follow vowels: Porter's m.
int measure(std::string_view word) {
    int count = 0;
    for (std::size_t i = 1; i < word.size(); ++i) {
        count += is_vowel(word, i - 1) && !is_vowel(word, i) ? 1 : 0;
    }
    return count;
}

bool ends_double(std::string_view word) {
    const std::size_t size = word.size();
    return size > 1 && word[size - 1] == word[size - 2] && !is_vowel(word, size - 1);
}

// Consonant, vowel, consonant other than w, x, y: "hop", "fil".
bool ends_short(std::string_view word) {
    const std::size_t size = word.size();
    return size > 2 && !is_vowel(word, size - 3) && is_vowel(word, size - 2) &&
           !is_vowel(word, size - 1) && word.find_last_of("wxy") != size - 1;
}

using Rule = std::pair<std::string_view, std::string_view>;

// Replaces the first ending that fits if what stands before it has at least `least` of m.
template <std::size_t N>
void replace(std::string& word, const std::array<Rule, N>& rules, int least) {
    for (const auto& [from, to] : rules) {
        if (word.ends_with(from)) {
            const std::string_view before(word.data(), word.size() - from.size());
            const bool fits = from != "ion" || before.ends_with('s') || before.ends_with('t');
            if (fits && measure(before) >= least) {
                word.resize(before.size());
                word += to;
            }
            return;
        }
    }
}

constexpr std::array<Rule, 4> kPlural = {{{"sses", "ss"}, {"ies", "i"}, {"ss", "ss"}, {"s", ""}}};
constexpr std::array<Rule, 20> kDouble = {
    {{"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"}, {"anci", "ance"}, {"izer", "ize"},
     {"abli", "able"},   {"alli", "al"},     {"entli", "ent"}, {"eli", "e"},     {"ousli", "ous"},
     {"ization", "ize"}, {"ation", "ate"},   {"ator", "ate"},  {"alism", "al"},  {"iveness", "ive"},
     {"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"},  {"iviti", "ive"}, {"biliti", "ble"}}};
constexpr std::array<Rule, 7> kSingle = {{{"icate", "ic"},
                                          {"ative", ""},
                                          {"alize", "al"},
                                          {"iciti", "ic"},
                                          {"ical", "ic"},
                                          {"ful", ""},
                                          {"ness", ""}}};
constexpr std::array<Rule, 19> kLast = {
    {{"ement", ""}, {"ance", ""}, {"ence", ""}, {"able", ""}, {"ible", ""}, {"ment", ""}, {"ant", ""},
     {"ent", ""},   {"ion", ""},  {"ism", ""},  {"ate", ""},  {"iti", ""},  {"ous", ""},  {"ive", ""},
     {"ize", ""},   {"al", ""},   {"er", ""},   {"ic", ""},   {"ou", ""}}};

// "-ed" and "-ing", and what must be mended after them: "hopping" is "hop", "filing" is "file".
void drop_tense(std::string& word) {
    if (word.ends_with("eed")) {
        if (measure(std::string_view(word).substr(0, word.size() - 3)) > 0) {
            word.pop_back();
        }
        return;
    }
    for (const std::string_view ending : {"ed", "ing"}) {
        if (!word.ends_with(ending) ||
            !has_vowel(std::string_view(word).substr(0, word.size() - ending.size()))) {
            continue;
        }
        word.resize(word.size() - ending.size());
        if (word.ends_with("at") || word.ends_with("bl") || word.ends_with("iz") ||
            (measure(word) == 1 && ends_short(word))) {
            word += 'e';
        } else if (ends_double(word) && word.find_last_of("lsz") != word.size() - 1) {
            word.pop_back();
        }
        return;
    }
}

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) {
    return is_lower(c) || is_upper(c) || is_digit(c) || static_cast<unsigned char>(c) >= 0x80;
}

// Whether a new word starts at `at` inside a run of letters: readFile, HTTPServer.
bool starts_word(std::string_view text, std::size_t at) {
    if (at == 0 || !is_upper(text[at])) {
        return false;
    }
    return is_lower(text[at - 1]) || is_digit(text[at - 1]) ||
           (is_upper(text[at - 1]) && at + 1 < text.size() && is_lower(text[at + 1]));
}

template <typename Take>
void each_word(std::string_view text, Take take) {
    std::string word;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        if (i == text.size() || !is_word(text[i]) || starts_word(text, i)) {
            if (!word.empty()) {
                take(std::move(word));
            }
            word.clear();
        }
        if (i < text.size() && is_word(text[i])) {
            word += is_upper(text[i]) ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
        }
    }
}

}  // namespace

std::string stem(std::string word) {
    if (word.size() < 3 || !std::all_of(word.begin(), word.end(), is_lower)) {
        return word;
    }
    replace(word, kPlural, 0);
    drop_tense(word);
    if (word.ends_with('y') && has_vowel(std::string_view(word).substr(0, word.size() - 1))) {
        word.back() = 'i';
    }
    replace(word, kDouble, 1);
    replace(word, kSingle, 1);
    replace(word, kLast, 2);
    if (word.ends_with('e')) {
        const std::string_view before(word.data(), word.size() - 1);
        if (measure(before) > 1 || (measure(before) == 1 && !ends_short(before))) {
            word.pop_back();
        }
    }
    if (measure(word) > 1 && word.ends_with("ll")) {
        word.pop_back();
    }
    return word;
}

std::vector<Term> said_terms(std::string_view text) {
    std::vector<Term> terms;
    each_word(text, [&](std::string word) {
        if (word.size() > 1 &&
            !std::binary_search(std::begin(kEmpty), std::end(kEmpty), std::string_view(word))) {
            std::string stemmed = stem(word);
            terms.push_back({std::move(word), std::move(stemmed)});
        }
    });
    return terms;
}

std::vector<std::string> terms_of(std::string_view text) {
    std::vector<std::string> stems;
    for (Term& term : said_terms(text)) {
        stems.push_back(std::move(term.stem));
    }
    return stems;
}

std::string spaced(std::string_view name) {
    std::string words;
    each_word(name, [&](const std::string& word) {
        words += words.empty() ? "" : " ";
        words += word;
    });
    return words;
}

}  // namespace resonant::tools
