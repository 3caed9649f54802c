// Finding by words, by meaning, and by both.
#include <gmock/gmock.h>

#include <random>

#include "resonant/memory/fusion.h"
#include "resonant/memory/word_query.h"
#include "tests/memory/sea_fixture.h"

namespace resonant::memory {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SearchTest : public SeaTest {};

TEST_F(SearchTest, the_best_match_comes_first) {
    Memory titled;
    titled.title = "Anchor";
    const MemoryId in_passing = add("A long story of a harbour where, once, an anchor was seen.");
    const MemoryId title = add("How to hold a boat in place.", titled);
    add("Nothing to do with it.");
    EXPECT_THAT(search("anchor"), ElementsAre(title, in_passing));
}

TEST_F(SearchTest, a_word_said_often_in_a_short_text_counts_more_than_once_in_a_long_one) {
    const MemoryId once =
        add("A long story of a harbour where, once, an anchor was seen by a boy.");
    const MemoryId often = add("anchor, anchor, anchor");
    EXPECT_THAT(search("anchor"), ElementsAre(often, once));
}

TEST_F(SearchTest, all_the_words_count_more_than_some_of_them) {
    const MemoryId both = add("shared memory between processes, in a text of some length about it");
    const MemoryId one = add("memory");
    EXPECT_THAT(search("shared memory"), ElementsAre(both, one));
}

TEST_F(SearchTest, every_text_is_a_legal_query) {
    const MemoryId id =
        add("The state-board in C++ holds foo:bar \xf0\x9f\x8c\x8a and naïve 大海.");
    for (const char* query : {"state-board",
                              "C++",
                              "foo:bar",
                              "what is this?",
                              "\"",
                              "\"unbalanced",
                              "a AND",
                              "OR",
                              "NOT",
                              "NEAR(",
                              "title:",
                              "^",
                              "*",
                              "wild*",
                              "-minus",
                              "+plus",
                              "(",
                              ")",
                              "{}[]",
                              "a'b",
                              ";--",
                              "\\",
                              "\xf0\x9f\x8c\x8a",
                              "\xff\xfe",
                              "",
                              "   ",
                              "大海",
                              "naïve",
                              "\t\n",
                              "state board AND \"holds"}) {
        const auto page = sea_->search(query, {}, 10, "", "ann");
        ASSERT_TRUE(page.has_value()) << query << ": " << page.error().message;
        EXPECT_TRUE(sea_->recall(query, {}, 10, "ann").has_value()) << query;
    }
    for (const char* found :
         {"state-board", "C++", "foo:bar", "naive", "大海", "STATE", "holding"}) {
        EXPECT_THAT(search(found), ElementsAre(id)) << found;
    }
}

TEST_F(SearchTest, any_bytes_at_all_are_a_legal_query) {
    add("some text to find");
    const std::uint64_t seed = std::random_device()();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    constexpr char kLetters[] = "\"'()*:^-+{}[]\\ \t\n\0ANDORNOTab\xc3\xa9\xff";
    const std::string letters(kLetters, sizeof kLetters - 1);
    for (int round = 0; round < 300; ++round) {
        std::string query;
        for (std::size_t i = random() % 24; i > 0; --i) {
            query += letters[random() % letters.size()];
        }
        const auto page = sea_->search(query, {}, 5, "", "ann");
        ASSERT_TRUE(page.has_value()) << testing::PrintToString(query) << page.error().message;
    }
}

TEST_F(SearchTest, a_query_without_words_lists_the_newest_and_says_so) {
    const MemoryId first = add("one");
    clock_.advance(from_seconds(1));
    const MemoryId second = add("two");
    const auto page = sea_->search("?!", {}, 10, "", "ann");
    EXPECT_THAT(ids(page), ElementsAre(second, first));
    EXPECT_THAT(page->note, HasSubstr("no words"));
}

TEST_F(SearchTest, a_very_long_query_is_bounded) {
    std::string query;
    for (int i = 0; i < 10'000; ++i) {
        query += "word" + std::to_string(i) + " ";
    }
    const MemoryId id = add("word7 stands here");
    EXPECT_THAT(search(query), ElementsAre(id));
    EXPECT_EQ(word_query(query).words, kQueryWordsMax);
}

TEST_F(SearchTest, recall_says_why_each_hit_is_there) {
    const MemoryId match = add("tide tables of the harbour");
    const MemoryId linked = add("moon phases of the harbour");
    ASSERT_TRUE(sea_->link({linked, match, "extends", 1}, false, "ann").has_value());
    catch_up();
    const auto page = sea_->recall("harbour tide", {}, 10, "ann");
    ASSERT_TRUE(page.has_value());
    EXPECT_TRUE(page->vectors_used);
    EXPECT_EQ(page->note, "");
    ASSERT_THAT(ids(page), ElementsAre(match, linked));
    EXPECT_THAT(page->hits[0].reasons,
                ElementsAre(HasSubstr("words: bm25"), HasSubstr("meaning: cosine"),
                            "link: extends " + wire_id(linked)));
    EXPECT_GT(page->hits[0].score, page->hits[1].score);
}

TEST_F(SearchTest, recall_without_a_model_finds_by_words_and_says_so) {
    const MemoryId id = add("lighthouse");
    embedder_.is_missing = true;
    const auto without_weights = sea_->recall("lighthouse", {}, 10, "ann");
    EXPECT_THAT(ids(without_weights), ElementsAre(id));
    EXPECT_FALSE(without_weights->vectors_used);
    EXPECT_THAT(without_weights->note, HasSubstr("words only"));
    reopen(false);
    const auto page = sea_->recall("lighthouse", {}, 10, "ann");
    EXPECT_THAT(ids(page), ElementsAre(id));
    EXPECT_THAT(page->note, HasSubstr("no model"));
    EXPECT_EQ(sea_->embed("x").error().code, Code::Unavailable);
}

TEST_F(SearchTest, recall_tells_of_memories_without_a_vector) {
    add("one");
    add("two");
    const auto page = sea_->recall("one", {}, 10, "ann");
    EXPECT_THAT(page->note, HasSubstr("2 memories have no vector yet"));
}

TEST_F(SearchTest, nearest_is_refused_for_numbers_that_are_none) {
    Vector query{};
    query[7] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ(sea_->nearest(query, {}, 5, 0, "ann").error().code, Code::InvalidArgument);
    query[7] = 1;
    EXPECT_EQ(sea_->nearest(query, {}, 0, 0, "ann").error().code, Code::InvalidArgument);
    EXPECT_TRUE(sea_->nearest(query, {}, 5, 0, "ann")->hits.empty());
}

TEST(Fusion, each_part_alone_still_orders) {
    const std::vector<Candidate> words{{1, 2.0, std::nullopt}, {2, 4.0, std::nullopt}};
    EXPECT_EQ(fuse(words, {}).front().id, 2U);
    EXPECT_DOUBLE_EQ(fuse(words, {}).front().score, 1);
    const std::vector<Candidate> meaning{{1, std::nullopt, 0.9}, {2, std::nullopt, 0.5}};
    EXPECT_EQ(fuse(meaning, {}).front().id, 1U);
    EXPECT_DOUBLE_EQ(fuse(meaning, {}).front().score, 1);
    EXPECT_TRUE(fuse({}, {}).empty());
}

TEST(Fusion, a_poor_best_cosine_is_not_blown_up_and_a_link_is_worth_little) {
    const std::vector<Candidate> poor{{1, 1.0, 0.0}, {2, std::nullopt, 0.1}};
    EXPECT_EQ(fuse(poor, {}).front().id, 1U);
    const std::vector<Candidate> equal{{1, 1.0, 0.5}, {2, 1.0, 0.5}, {3, 1.0, 0.5}};
    const std::vector<Edge> edges{{3, 9, "related", 1}, {3, 2, "related", 0.2}};
    EXPECT_EQ(fuse(equal, edges).front().id, 3U);
    EXPECT_EQ(fuse(equal, {}).front().id, 1U) << "ties by id";
    const std::vector<Candidate> apart{{1, 1.0, 0.9}, {2, 0.5, 0.7}};
    EXPECT_EQ(fuse(apart, std::vector<Edge>{{2, 9, "causal", 1}}).front().id, 1U);
}

TEST(WordQuery, quotes_each_word_and_keeps_the_parts_of_one_together) {
    const WordQuery query = word_query("shm_open  \"twice\" twice (2)");
    EXPECT_EQ(query.any, "\"shm open\" OR \"twice\" OR \"2\"");
    EXPECT_EQ(query.all, "\"shm open\" AND \"twice\" AND \"2\"");
    EXPECT_EQ(query.words, 3U);
    EXPECT_EQ(word_query("one").all, "");
    EXPECT_EQ(word_query(" ?! ").words, 0U);
}

}  // namespace
}  // namespace resonant::memory
