// The parts that make up bm25(), one word at a time.
#include "resonant/sql/term_scores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "resonant/sql/database.h"
#include "tests/support/scratch.h"

namespace resonant::sql {
namespace {

class TermScoresTest : public testing::Test {
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
    // Of each row that matches: its scores, and bm25's own sum.
    std::vector<std::pair<std::vector<float>, double>> ask(const std::string& query) {
        std::vector<std::pair<std::vector<float>, double>> found;
        const Status done = database_->read([&](Connection& connection) -> Status {
            RESONANT_ASSIGN(auto rows, connection.prepare("SELECT term_scores(t, NULL, 4.0, 1.0), -bm25(t, 4.0, 1.0)"
                                                          " FROM t WHERE t MATCH ?"));
            rows.bind(1, query);
            return rows.each([&](const Statement& row) -> Status {
                std::vector<float> scores(row.blob(0).size() / sizeof(float));
                std::memcpy(scores.data(), row.blob(0).data(), row.blob(0).size());
                found.emplace_back(scores, row.real(1));
                return {};
            });
        });
        EXPECT_TRUE(done.has_value()) << done.error().message;
        return found;
    }

    test::Scratch scratch_;
    std::unique_ptr<Database> database_ = std::move(*Database::open(scratch_ / "t.db", {}));
};

TEST_F(TermScoresTest, each_word_has_its_own_part_and_together_they_are_bm25) {
    const auto found = ask("\"hive\" OR \"bee\" OR \"absent\" OR \"yellow hive\"");
    ASSERT_EQ(found.size(), 2U);
    for (const auto& [scores, sum] : found) {
        ASSERT_EQ(scores.size(), 4U);
        EXPECT_NEAR(scores[0] + scores[1] + scores[2] + scores[3], sum, 1e-5);
        EXPECT_GT(scores[0], 0);
        EXPECT_EQ(scores[2], 0);
    }
    EXPECT_GT(found[0].first[1], 0);
    EXPECT_GT(found[0].first[3], 0);
    EXPECT_EQ(found[1].first[1], 0);
}

TEST_F(TermScoresTest, asks_again_with_other_words) {
    EXPECT_EQ(ask("\"hive\"").front().first.size(), 1U);
    EXPECT_EQ(ask("\"hive\" OR \"oven\"").front().first.size(), 2U);
    EXPECT_TRUE(ask("\"absent\"").empty());
}

TEST_F(TermScoresTest, sizes_from_a_join_give_the_same) {
    const Status done = database_->write([&](Connection& connection) -> Status {
        std::string body = "hive";
        for (int i = 0; i < 20'000; ++i) {  // its size takes three bytes
            body += " word";
        }
        RESONANT_ASSIGN(auto insert, connection.prepare("INSERT INTO t(rowid, title, body) VALUES(8, 'bees', ?)"));
        RESONANT_CHECK(insert.bind(1, body).run());
        std::vector<std::string> found;
        for (const std::string sizes : {"NULL", "d.sz"}) {
            RESONANT_ASSIGN(auto rows, connection.prepare("SELECT hex(term_scores(t, " + sizes + ", 4.0)) FROM t"
                                                          " CROSS JOIN t_docsize d ON d.id = t.rowid"
                                                          " WHERE t MATCH 'hive OR bee'"));
            std::string& all = found.emplace_back();
            RESONANT_CHECK(rows.each([&](const Statement& row) -> Status {
                all += row.text(0) + " ";
                return {};
            }));
        }
        EXPECT_EQ(found[0], found[1]);
        EXPECT_EQ(found[0].size(), 3U * 17);
        return {};
    });
    EXPECT_TRUE(done.has_value()) << done.error().message;
}

TEST_F(TermScoresTest, is_refused_where_no_full_text_is_asked) {
    const Status done = database_->read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto rows, connection.prepare("SELECT term_scores(1)"));
        return rows.run();
    });
    EXPECT_FALSE(done.has_value());
}

}  // namespace
}  // namespace resonant::sql
