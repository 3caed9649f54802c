#include "resonant/embed/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/embed/model_folder.h"
#include "tests/support/scratch.h"

namespace resonant::embed {
namespace {

using testing::ElementsAre;
using testing::Each;

constexpr TokenId kUnknown = 100;

class TokenizerOfTheModel : public testing::Test {
  protected:
    void SetUp() override {
        auto opened = Tokenizer::open(model_folder() / "vocab.txt");
        ASSERT_TRUE(opened.has_value())
            << opened.error().message << "\nthe model is missing: ./dev test fetches it";
        tokenizer_.emplace(std::move(*opened));
    }
    std::vector<TokenId> tokens(std::string_view text, std::size_t most = 1000) {
        return tokenizer_->tokens(text, most);
    }

    std::optional<Tokenizer> tokenizer_;
};

TEST_F(TokenizerOfTheModel, knows_words_and_pieces_of_words) {
    EXPECT_THAT(tokens("Hello, world!"), ElementsAre(7592, 1010, 2088, 999));
    EXPECT_THAT(tokens("embeddings"), ElementsAre(7861, 8270, 4667, 2015));
    EXPECT_THAT(tokens(""), ElementsAre());
    EXPECT_THAT(tokens(" \t\r\n\u00a0\u2028 "), ElementsAre());
}

TEST_F(TokenizerOfTheModel, sees_no_case_and_no_accents) {
    EXPECT_EQ(tokens("CAFÉ naïve ÅNGSTRÖM İ"), tokens("cafe naive angstrom i"));
    EXPECT_EQ(tokens("cafe\u0301"), tokens("cafe"));
}

TEST_F(TokenizerOfTheModel, reads_a_literal_marker_as_plain_text) {
    const auto marker = tokens("[CLS]");
    ASSERT_EQ(marker.size(), 4U);  // bracket, cl, ##s, bracket
    EXPECT_THAT(marker, testing::Not(testing::Contains(tokenizer_->start())));
    EXPECT_THAT(tokens("[SEP] [MASK] [PAD] [UNK]"),
                Each(testing::AllOf(testing::Ne(102), testing::Ne(103), testing::Ne(0))));
}

TEST_F(TokenizerOfTheModel, passes_over_bytes_that_are_no_text) {
    EXPECT_EQ(tokens("me\xffmo\xc3ry"), tokens("memory"));
    EXPECT_EQ(tokens("me\x01mo\u200bry\ufffd"), tokens("memory"));
    EXPECT_EQ(tokens(std::string_view("me\0mory", 7)), tokens("memory"));
    EXPECT_EQ(tokens("memory\xe4\xb8"), tokens("memory"));  // cut inside a character
    EXPECT_EQ(tokens("me\xed\xa0\x80mory"), tokens("memory"));  // a surrogate
}

TEST_F(TokenizerOfTheModel, takes_ideographs_one_by_one) {
    EXPECT_EQ(tokens("北京大学").size(), 4U);
    EXPECT_EQ(tokens("北京"), tokens(" 北 京 "));
}

TEST_F(TokenizerOfTheModel, does_not_know_a_word_of_more_than_a_hundred_characters) {
    EXPECT_THAT(tokens(std::string(101, 'a')), ElementsAre(kUnknown));
    EXPECT_THAT(tokens(std::string(100'000, 'a') + " memory"), ElementsAre(kUnknown, 3638));
    EXPECT_THAT(tokens(std::string(100, 'a')), testing::Not(ElementsAre(kUnknown)));
}

TEST_F(TokenizerOfTheModel, stops_at_the_number_it_was_given) {
    std::string text;
    for (int i = 0; i < 10'000; ++i) {
        text += "memory ";
    }
    EXPECT_EQ(tokens(text, 300), std::vector<TokenId>(300, 3638));
    EXPECT_TRUE(tokens("memory", 0).empty());
}

TEST(Tokenizer, of_another_vocabulary_is_refused_with_the_way_out) {
    const test::Scratch folder;
    const auto path = folder.path() / "vocab.txt";
    EXPECT_EQ(Tokenizer::open(path).error().code, Code::NotFound);
    std::ofstream(path) << "[PAD]\n[CLS]\n[SEP]\n[UNK]\nword\n";
    const auto opened = Tokenizer::open(path);
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code, Code::DataLoss);
    EXPECT_THAT(opened.error().message, testing::HasSubstr("holds 5 tokens"));
    EXPECT_THAT(opened.error().message, testing::HasSubstr("scripts/fetch_model.sh"));
}

}  // namespace
}  // namespace resonant::embed
