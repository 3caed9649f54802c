// A TokenEmbedder tells what each word of a text means where it stands, so that two texts can be compared
// word by word ("late interaction") and not only as wholes.
//
// Threads: any; calls run side by side.
//
// Idea: Khattab and Zaharia, ColBERT (2020).
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/embed/embedder.h"
#include "resonant/embed/tokenizer.h"

namespace resonant::embed {

inline constexpr std::size_t kTextTokensMax = 64;  // of a text that is kept

// A word, or a part of one, in its context.
struct Token {
    TokenId id = 0;
    Vector direction{};  // of unit length
};

struct TokenText;  // token_text.h

class TokenEmbedder {
  public:
    TokenEmbedder() = default;
    TokenEmbedder(const TokenEmbedder&) = delete;
    TokenEmbedder& operator=(const TokenEmbedder&) = delete;
    virtual ~TokenEmbedder() = default;

    // In the order of the text, punctuation left out; of at most `tokens_max` tokens with it. What comes later
    // in a longer text is not read.
    virtual Result<std::vector<Token>> embed_tokens(std::string_view text, std::size_t tokens_max) = 0;

    // The first kTextTokensMax of a text that is kept, from a cache if there is one.
    virtual Result<std::shared_ptr<const TokenText>> embed_text(std::string_view text) = 0;
};

}  // namespace resonant::embed
