#include "resonant/embed/token_text.h"

#include <gtest/gtest.h>

#include <limits>

namespace resonant::embed {
namespace {

std::vector<Token> tokens(std::size_t count) {
    std::vector<Token> made(count);
    for (std::size_t i = 0; i < count; ++i) {
        made[i].id = static_cast<TokenId>(100 + i);
        made[i].direction[i] = 0.6F;
        made[i].direction[383 - i] = -0.8F;
    }
    return made;
}

TEST(TokenText, comes_back_from_its_packed_form_whole) {
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, kTextTokensMax}) {
        const TokenText text(tokens(count));
        EXPECT_EQ(text.tokens.size(), count);
        const auto again = TokenText::unpacked(text.packed());
        ASSERT_TRUE(again.has_value());
        EXPECT_EQ(*again, text);
    }
}

TEST(TokenText, keeps_the_first_tokens_of_a_longer_text) {
    EXPECT_EQ(TokenText(tokens(kTextTokensMax + 5)), TokenText(tokens(kTextTokensMax)));
}

TEST(TokenText, is_not_made_of_what_was_never_packed) {
    TokenText::Packed packed = TokenText(tokens(2)).packed();
    packed.count = kTextTokensMax + 1;
    EXPECT_FALSE(TokenText::unpacked(packed).has_value());
    packed.count = 2;
    packed.scales[1] = std::numeric_limits<float>::infinity();
    EXPECT_FALSE(TokenText::unpacked(packed).has_value());
}

}  // namespace
}  // namespace resonant::embed
