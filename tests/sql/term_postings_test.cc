// What bm25() is made of, one term at a time.
#include "resonant/sql/term_postings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "resonant/sql/database.h"
#include "tests/support/scratch.h"

namespace resonant::sql {
namespace {

class TermPostingsTest : public testing::Test {
  protected:
    void SetUp() override {
        const Status made = database_->write([](Connection& connection) {
            return connection.run(
                "CREATE VIRTUAL TABLE t USING fts5(title, body, content='', tokenize='porter unicode61');"
                "INSERT INTO t(rowid, title, body) VALUES(1, 'bees', 'a yellow hive and bees'),"
                " (2, '', 'the hive is painted'), (3, 'oven', 'nothing of it'), (4, '', 'more of nothing'),"
                " (5, '', 'still more'), (6, '', 'and the rest'), (7, '', 'it ends')");
        });
        ASSERT_TRUE(made.has_value()) << made.error().message;
    }
    // Nothing where no row matches.
    std::optional<TermPostings> ask(const std::string& query) {
        std::optional<TermPostings> found;
        const Status done = database_->read([&](Connection& connection) -> Status {
            RESONANT_ASSIGN(auto row, connection.prepare("SELECT term_postings(t, 4.0, 1.0) FROM t WHERE t MATCH ? LIMIT 1"));
            RESONANT_ASSIGN(const bool has_row, row.bind(1, query).step());
            if (has_row) {
                RESONANT_ASSIGN(found, term_postings_of(row.blob(0)));
            }
            return {};
        });
        EXPECT_TRUE(done.has_value()) << done.error().message;
        return found;
    }
    // By row: bm25 as SQLite has it, and the row's tokens.
    std::map<std::int64_t, std::pair<double, std::uint32_t>> ranked(const std::string& query) {
        std::map<std::int64_t, std::pair<double, std::uint32_t>> found;
        const Status done = database_->read([&](Connection& connection) -> Status {
            RESONANT_ASSIGN(auto rows, connection.prepare("SELECT t.rowid, -bm25(t, 4.0, 1.0), d.sz FROM t"
                                                          " JOIN t_docsize d ON d.id = t.rowid WHERE t MATCH ?"));
            return rows.bind(1, query).each([&](const Statement& row) -> Status {
                found[row.integer(0)] = {row.real(1), tokens_of(row.blob(2))};
                return {};
            });
        });
        EXPECT_TRUE(done.has_value()) << done.error().message;
        return found;
    }

    test::Scratch scratch_;
    std::unique_ptr<Database> database_ = std::move(*Database::open(scratch_ / "t.db", {}));
};

TEST_F(TermPostingsTest, a_blob_that_is_none_is_refused) {
    EXPECT_EQ(term_postings_of({}).error().code, Code::DataLoss);
    EXPECT_EQ(term_postings_of(std::vector<std::byte>(40)).error().code, Code::DataLoss);
}

TEST_F(TermPostingsTest, is_refused_where_no_full_text_is_asked) {
    const Status done = database_->read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto rows, connection.prepare("SELECT term_postings(1)"));
        return rows.run();
    });
    EXPECT_FALSE(done.has_value());
}

TEST_F(TermPostingsTest, each_term_has_its_rows_in_order_and_together_they_are_bm25) {
    const std::string query = "\"hive\" OR \"bee\" OR \"absent\" OR \"yellow hive\" OR \"of\"";
    const auto asked = ask(query);
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->rows, 7);
    EXPECT_TRUE(std::ranges::is_sorted(asked->postings, {}, [](const TermPosting& each) {
        return std::pair(each.term, each.row);
    }));
    const auto ranks = ranked(query);
    std::map<std::int64_t, double> sums;
    for (const TermPosting& each : asked->postings) {
        const auto having = static_cast<double>(std::ranges::count(asked->postings, each.term, &TermPosting::term));
        const double rarity = std::log((7 - having + 0.5) / (having + 0.5));
        const double stretch = 1.2 * (0.25 + 0.75 * ranks.at(each.row).second / (static_cast<double>(asked->tokens) / 7));
        sums[each.row] += rarity * each.weight * 2.2 / (each.weight + stretch);
    }
    ASSERT_EQ(sums.size(), ranks.size());
    for (const auto& [row, sum] : sums) {
        EXPECT_NEAR(sum, ranks.at(row).first, 1e-5) << "row " << row;
    }
    EXPECT_EQ(std::ranges::count(asked->postings, 2U, &TermPosting::term), 0);
    const auto bees = std::ranges::find(asked->postings, 1U, &TermPosting::term);
    EXPECT_EQ(bees->weight, 5) << "once in the title, once in the body";
}

TEST_F(TermPostingsTest, asks_again_with_other_words) {
    EXPECT_EQ(ask("\"hive\"")->postings.size(), 2U);
    EXPECT_EQ(ask("\"hive\" OR \"oven\"")->postings.size(), 3U);
    EXPECT_FALSE(ask("\"absent\""));
}

TEST_F(TermPostingsTest, a_row_that_was_taken_out_is_in_no_posting) {
    const Status done = database_->write([](Connection& connection) {
        return connection.run("INSERT INTO t(t, rowid, title, body) VALUES('delete', 2, '', 'the hive is painted')");
    });
    ASSERT_TRUE(done.has_value());
    const auto asked = ask("\"hive\"");
    ASSERT_EQ(asked->postings.size(), 1U);
    EXPECT_EQ(asked->postings[0].row, 1);
}

TEST_F(TermPostingsTest, a_size_may_take_several_bytes) {
    const Status done = database_->write([&](Connection& connection) -> Status {
        std::string body = "oven";
        for (int i = 0; i < 20'000; ++i) {
            body += " word";
        }
        RESONANT_ASSIGN(auto insert, connection.prepare("INSERT INTO t(rowid, title, body) VALUES(8, 'bees', ?)"));
        return insert.bind(1, body).run();
    });
    ASSERT_TRUE(done.has_value());
    EXPECT_EQ(ranked("oven").at(8).second, 20'002U);
}

}  // namespace
}  // namespace resonant::sql
