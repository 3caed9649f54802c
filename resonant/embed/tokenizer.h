// A Tokenizer cuts text into the numbers a BERT model reads: WordPiece over uncased, unaccented words, as
// the Hugging Face tokenizers library does it for bert-base-uncased.
//
// Any thread; read-only after open().
//
// Invariants:
//   (1) Every text is legal: invalid UTF-8 and control characters are passed over.
//   (2) Text never makes a special token: "[CLS]" in a text is a bracket, a word and a bracket.
//   (3) Work is bounded by `tokens_max`: cutting stops there, however long the text.
// Known difference: combining marks that survive (not of class Mn) keep the order they came in, where full
// NFD would sort them; this touches a handful of musical and Hangul tone marks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "resonant/base/result.h"

namespace resonant::embed {

using TokenId = std::int32_t;

class Tokenizer {
  public:
    // Reads vocab.txt, one token a line. NotFound when absent, DataLoss when it is not this vocabulary.
    static Result<Tokenizer> open(const std::filesystem::path& path);
    Tokenizer(Tokenizer&&) = default;
    Tokenizer& operator=(Tokenizer&&) = default;

    // The tokens of `text` without [CLS] and [SEP], at most `tokens_max`.
    std::vector<TokenId> tokens(std::string_view text, std::size_t tokens_max) const;
    TokenId start() const { return start_; }  // [CLS]
    TokenId stop() const { return stop_; }    // [SEP]
    // Whether it is one sign of ASCII, neither letter nor digit. O(log signs).
    bool is_sign(TokenId token) const;

  private:
    using Pieces = std::unordered_map<std::string_view, TokenId>;

    Tokenizer() = default;
    void add_word(const std::vector<std::int32_t>& word, std::vector<TokenId>& out) const;

    std::unique_ptr<const std::string> text_;  // the file; the maps point into it
    Pieces heads_;                             // pieces that begin a word
    Pieces tails_;                             // pieces that go on, without their "##"
    std::size_t piece_bytes_max_ = 0;
    TokenId start_ = 0;
    TokenId stop_ = 0;
    TokenId unknown_ = 0;
    std::vector<TokenId> signs_;  // sorted
};

}  // namespace resonant::embed
