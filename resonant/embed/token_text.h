// A TokenText is what is kept of a text to compare it word by word: the directions of its tokens, each number in a
// byte. About 390 bytes a token.
//
// Threads: a value; no thread of its own.
//
// Invariants:
//   (1) steps holds kDimensions numbers for each token, and there are kTextTokensMax tokens at most.
//   (2) unpacked() of what packed() gave is equal to the text. Layout: docs/formats/embedding_cache.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "resonant/embed/token_embedder.h"

namespace resonant::embed {

struct TokenText {
    // As it lies in a file; what is beyond `count` is zero.
    struct Packed {
        std::uint32_t count = 0;
        std::array<TokenId, kTextTokensMax> ids{};
        std::array<float, kTextTokensMax> scales{};
        std::array<std::int8_t, kTextTokensMax * kDimensions> steps{};
    };
    static_assert(sizeof(Packed) == 4 + kTextTokensMax * (4 + 4 + kDimensions));

    struct Kept {
        TokenId id = 0;
        float scale = 0;  // of a step
        bool operator==(const Kept&) const = default;
    };
    // Of the first kTextTokensMax.
    explicit TokenText(std::span<const Token> from);
    // Nothing if it cannot have come from packed().
    static std::optional<TokenText> unpacked(const Packed& packed);
    Packed packed() const;
    bool operator==(const TokenText&) const = default;

    std::vector<Kept> tokens;
    std::vector<std::int8_t> steps;  // kDimensions of each token
};

}  // namespace resonant::embed
