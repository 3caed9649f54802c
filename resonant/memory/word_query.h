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
    std::string all;        // the same with AND; empty when there is one word only
    std::size_t words = 0;  // 0: the text has none
};

inline constexpr std::size_t kQueryWordsMax = 64;  // further words are left out

// A word is what stands between white space; its parts ("shm_open": shm, open) must follow each
// other.
WordQuery word_query(std::string_view text);
bool has_words(std::string_view text);

}  // namespace resonant::memory
