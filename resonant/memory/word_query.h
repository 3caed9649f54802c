// A WordQuery is any text turned into what the full-text index understands. No character of the
// text is an operator: each word is quoted, so every text is legal.
//
// Any thread; a plain value.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace resonant::memory {

struct WordQuery {
    std::string any;        // "shm open" OR "memory": rows with at least one of the words
    std::string all;        // the same with AND; empty when that says no more
    std::size_t words = 0;  // of `any`; 0: the text has none
};

inline constexpr std::size_t kQueryWordsMax = 64;  // further words are left out

// A word is what stands between white space; its parts ("shm_open": shm, open) must follow each
// other. A possessive s is left out, and so are words that every English question has ("what did
// the"), unless there are no others. Of text without spaces between words, `any` has each pair of letters that follow each
// other besides the whole: where the words are is not known, and a question has few sentences in common with its answer.
WordQuery word_query(std::string_view text);
// `word` in small letters.
bool is_stop_word(std::string_view word);
bool has_words(std::string_view text);

}  // namespace resonant::memory
