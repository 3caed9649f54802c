// Which words stand where, after whatever happened to the memories: against SQLite's own bm25() and a join.
#include <gmock/gmock.h>

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <random>

#include "resonant/memory/store.h"
#include "resonant/memory/word_query.h"
#include "tests/memory/sea_fixture.h"

namespace resonant::memory {
namespace {

class WordScoresTest : public SeaTest {
  protected:
    // What bm25() says of the memories that are let through, by id.
    std::map<MemoryId, double> ranked(const std::string& query, const Filter& filter, const std::string& viewer) {
        std::map<MemoryId, double> found;
        const Condition condition = condition_of(filter, viewer);
        const Status done = database_->read([&](sql::Connection& connection) -> Status {
            RESONANT_ASSIGN(auto rows, connection.prepare("SELECT f.rowid, -bm25(memory_words, 4.0, 1.0, 2.0)"
                                                          " FROM memory_words f JOIN memories m ON m.id = f.rowid"
                                                          " WHERE f.memory_words MATCH ? AND " + condition.text));
            condition.bind(rows.bind(1, word_query(query).any), 2);
            return rows.each([&](const sql::Statement& row) -> Status {
                found[static_cast<MemoryId>(row.integer(0))] = row.real(1);
                return {};
            });
        });
        EXPECT_TRUE(done.has_value()) << done.error().message;
        return found;
    }
    void expect_same(const std::vector<std::string>& words, const Filter& filter, const std::string& viewer) {
        std::string query;
        for (const std::string& word : words) {
            query += word + " ";
        }
        const auto found = store_.word_scores(query, filter, kTop, viewer);
        ASSERT_TRUE(found.has_value()) << found.error().message;
        const auto wanted = ranked(query, filter, viewer);
        std::vector<double> sums;
        for (const auto& [id, sum] : wanted) {
            EXPECT_NEAR(found->sum(id), sum, 1e-4) << wire_id(id);
            sums.push_back(sum);
        }
        std::ranges::sort(sums, std::greater());
        ASSERT_EQ(found->top().size(), std::min(kTop, sums.size()));
        for (std::size_t i = 0; i < found->top().size(); ++i) {
            EXPECT_TRUE(wanted.contains(found->top()[i].id)) << "is not let through: " << wire_id(found->top()[i].id);
            EXPECT_NEAR(double{found->top()[i].score}, sums[i], 1e-4);
        }
        for (std::size_t i = 0; i < words.size(); ++i) {
            double most = 0;
            for (const auto& [id, sum] : ranked(words[i], filter, viewer)) {
                most = std::max(most, sum);
            }
            EXPECT_NEAR(double{found->best()[i]}, most, 1e-4) << words[i];
        }
    }

    static Update text_of(std::string text) {
        Update change;
        change.content = std::move(text);
        return change;
    }

    static constexpr std::size_t kTop = 5;
    Store store_{*database_, clock_};
};

TEST_F(WordScoresTest, what_is_not_let_through_is_neither_among_the_best_nor_the_measure_of_a_word) {
    Memory hidden;
    hidden.is_private = true;
    hidden.owner = "bob";
    add("heron heron heron", hidden);
    const MemoryId open = add("a heron stood there, and then some more happened that is of no matter");
    for (int i = 0; i < 5; ++i) {
        add("nothing of it " + std::to_string(i));
    }
    const auto found = store_.word_scores("heron", {}, 10, "ann");
    ASSERT_EQ(found->top().size(), 1U);
    EXPECT_EQ(found->top()[0].id, open);
    EXPECT_EQ(found->best()[0], found->top()[0].score);
    expect_same({"heron"}, {}, "ann");
    Filter with_own;
    with_own.include_private = true;
    expect_same({"heron"}, with_own, "bob");
}

TEST_F(WordScoresTest, a_memory_that_is_archived_or_erased_is_gone_from_the_next_answer) {
    const MemoryId first = add("heron and egret");
    const MemoryId second = add("another heron");
    ASSERT_EQ(store_.word_scores("heron", {}, 10, "ann")->top().size(), 2U);
    ASSERT_TRUE(store_.archive(first, "old", "ann").has_value());
    EXPECT_EQ(store_.word_scores("heron", {}, 10, "ann")->top().front().id, second);
    ASSERT_TRUE(store_.erase(second, "", "ann").has_value());
    EXPECT_THAT(store_.word_scores("heron", {}, 10, "ann")->top(), testing::IsEmpty());
}

TEST_F(WordScoresTest, lengths_of_a_change_that_was_rolled_back_are_forgotten) {
    const MemoryId id = add("heron");
    add("egret");
    add("an otter of the river");
    const Status refused = database_->write([&](sql::Connection&) -> Status {
        RESONANT_CHECK(store_.update(id, text_of("heron and a very long story of it and of others"), "ann"));
        RESONANT_CHECK(store_.word_scores("heron", {}, 10, "ann"));
        return fail(Code::Conflict, "no");
    });
    ASSERT_FALSE(refused.has_value());
    ASSERT_TRUE(store_.update(id, text_of("heron, twice: heron"), "ann").has_value());
    expect_same({"heron"}, {}, "ann");
}

// A model test: adds, changes, archives and erases in any order, asked as three people with and without filters.
TEST_F(WordScoresTest, are_what_sqlite_says_whatever_happened) {
    const auto seed = std::random_device()();
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937 random(seed);
    const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
    const std::vector<std::string> vocabulary = {"heron", "egret", "otter", "river", "bridge", "mill", "stone", "lamp"};
    const auto text = [&] {
        std::string made = fmt::format("x{}", random());
        for (std::size_t i = below(12); i > 0; --i) {
            made += " " + vocabulary[below(2) == 0 ? 0 : below(vocabulary.size())];
        }
        return made;
    };
    std::vector<MemoryId> there;
    for (int step = 0; step < 150; ++step) {
        const std::size_t what = there.empty() ? 0 : below(10);
        if (what < 5) {
            Memory memory;
            memory.owner = below(2) == 0 ? "ann" : "bob";
            memory.is_private = below(4) == 0;
            memory.type = below(2) == 0 ? "note" : "fact";
            there.push_back(add(text(), memory));
        } else if (const std::size_t at = below(there.size()); what < 8) {
            const std::string owner = store_.read(there[at], "ann") ? "ann" : "bob";
            Update change = text_of(text());
            change.add_tags = {vocabulary[below(8)]};
            ASSERT_TRUE(store_.update(there[at], change, owner));
        } else if (what == 8) {
            ASSERT_TRUE(store_.erase(there[at], "", "owner"));
            there.erase(there.begin() + static_cast<std::ptrdiff_t>(at));
        } else {
            ASSERT_TRUE(store_.archive(there[at], "", store_.read(there[at], "ann") ? "ann" : "bob"));
        }
        const std::size_t first = below(8);
        const std::vector<std::string> words = {vocabulary[first], vocabulary[(first + 1 + below(7)) % 8]};
        Filter filter;
        filter.type = below(2) == 0 ? "" : "fact";
        filter.include_archived = below(2) == 0;
        filter.include_private = below(2) == 0;
        expect_same(words, filter, below(2) == 0 ? "ann" : "bob");
        ASSERT_FALSE(HasFailure());
    }
}

}  // namespace
}  // namespace resonant::memory
