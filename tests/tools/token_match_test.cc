#include "resonant/tools/token_match.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace resonant::tools {
namespace {

embed::Token token(embed::TokenId id, std::size_t axis) {
    embed::Token made{id, {}};
    made.direction[axis] = 1;
    return made;
}

TokenText text(std::vector<embed::Token> tokens) { return TokenText(tokens); }

TEST(TokenMatch, of_nothing_is_nothing) {
    const TokenText empty = text({}), one = text({token(1, 1)});
    const std::vector<const TokenText*> all = {&empty, &one};
    const TokenMatch match(all);
    EXPECT_EQ(match.score({}, one), 0);
    EXPECT_EQ(match.score({token(1, 1)}, empty), 0);
    EXPECT_EQ(TokenMatch({}).score({}, empty), 0);
}

TEST(TokenMatch, the_same_words_in_any_order_match_whole) {
    const TokenText here = text({token(1, 1), token(2, 2)});
    const std::vector<const TokenText*> all = {&here};
    EXPECT_NEAR(TokenMatch(all).score({token(2, 2), token(1, 1)}, here), 1, 1e-6);
    EXPECT_NEAR(TokenMatch(all).score({token(3, 3)}, here), 0, 1e-6);
}

TEST(TokenMatch, what_a_text_says_beyond_the_query_counts_against_it) {
    const TokenText brief = text({token(1, 1)}), wide = text({token(1, 1), token(2, 2), token(3, 3)});
    const std::vector<const TokenText*> all = {&brief, &wide};
    const TokenMatch match(all);
    EXPECT_GT(match.score({token(1, 1)}, brief), match.score({token(1, 1)}, wide));
}

TEST(TokenMatch, a_rare_word_counts_more_than_one_that_every_text_has) {
    const TokenText first = text({token(1, 1), token(2, 2)}), second = text({token(1, 1), token(3, 3)});
    const std::vector<const TokenText*> all = {&first, &second};
    const TokenMatch match(all);
    const TokenMatch::Query query = {token(2, 2), token(1, 1)};
    const TokenText common = text({token(1, 1)}), rare = text({token(2, 2)});
    EXPECT_GT(match.score(query, rare), match.score(query, common));
}

TEST(TokenText, a_byte_a_number_is_enough) {
    const unsigned seed = 20261126;
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    const auto directions = [&](std::size_t count) {
        std::vector<embed::Token> made(count);
        for (embed::Token& each : made) {
            float squares = 0;
            for (float& value : each.direction) {
                value = normal(random);
                squares += value * value;
            }
            for (float& value : each.direction) {
                value /= std::sqrt(squares);
            }
        }
        return made;
    };
    const std::vector<embed::Token> one = directions(1), other = directions(1);
    double exact = 0;
    for (std::size_t i = 0; i < kDimensions; ++i) {
        exact += static_cast<double>(one[0].direction[i]) * static_cast<double>(other[0].direction[i]);
    }
    const TokenText kept(other);
    const std::vector<const TokenText*> all = {&kept};
    EXPECT_NEAR(TokenMatch(all).score(one, kept), exact, 0.01);
}

}  // namespace
}  // namespace resonant::tools
