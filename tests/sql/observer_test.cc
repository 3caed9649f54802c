#include <gtest/gtest.h>

#include <thread>

#include "resonant/sql/database.h"
#include "tests/support/scratch.h"

namespace resonant::sql {
namespace {

class ObserverTest : public testing::Test {
  protected:
    ObserverTest() {
        auto opened = Database::open(scratch_ / "test.db", {});
        EXPECT_TRUE(opened.has_value());
        database_ = std::move(*opened);
        database_->set_bookkeeping({"access"});
        const Status made = change(
            "CREATE TABLE note(id INTEGER PRIMARY KEY, text TEXT);"
            "CREATE TABLE access(id INTEGER PRIMARY KEY, count INT);"
            "CREATE VIRTUAL TABLE words USING fts5(text)");
        EXPECT_TRUE(made.has_value());
    }

    Status change(const std::string& script) {
        return database_->write([&](Connection& c) { return c.run(script); });
    }
    Status keep(const std::string& script) {
        return database_->keep_books([&](Connection& c) { return c.run(script); });
    }

    test::Scratch scratch_;
    std::unique_ptr<Database> database_;
};

TEST_F(ObserverTest, counts_each_row_by_table_and_kind) {
    Observer observer(*database_, Observer::Mode::Allow);
    ASSERT_TRUE(
        change("INSERT INTO note(text) VALUES('a'),('b'),('c');"
               "UPDATE note SET text='d' WHERE id<3; DELETE FROM note WHERE id=1"));
    const RowChanges seen = observer.changes().at("note");
    EXPECT_EQ(seen.inserted, 3U);
    EXPECT_EQ(seen.updated, 2U);
    EXPECT_EQ(seen.deleted, 1U);
}

TEST_F(ObserverTest, sees_each_row_of_a_delete_without_a_condition) {
    ASSERT_TRUE(change("INSERT INTO note(text) VALUES('a'),('b'),('c')"));
    Observer observer(*database_, Observer::Mode::Allow);
    ASSERT_TRUE(change("DELETE FROM note"));
    EXPECT_EQ(observer.changes().at("note").deleted, 3U);
}

TEST_F(ObserverTest, leaves_out_books_and_the_tables_of_the_text_index) {
    Observer observer(*database_, Observer::Mode::Allow);
    ASSERT_TRUE(change("INSERT INTO words VALUES('resonance'); INSERT INTO access VALUES(1,1)"));
    EXPECT_TRUE(observer.changes().empty());
}

TEST_F(ObserverTest, does_not_count_what_was_rolled_back) {
    Observer observer(*database_, Observer::Mode::Allow);
    ASSERT_TRUE(change("INSERT INTO note(text) VALUES('kept')"));
    const Status failed = database_->write([](Connection& c) -> Status {
        RESONANT_CHECK(c.run("INSERT INTO note(text) VALUES('gone')"));
        return fail(Code::Conflict, "no");
    });
    EXPECT_FALSE(failed.has_value());
    EXPECT_EQ(observer.changes().at("note").inserted, 1U);
}

TEST_F(ObserverTest, nests_and_sees_what_happens_inside_an_outer_change) {
    Observer outer(*database_, Observer::Mode::Allow);
    ASSERT_TRUE(database_->write([&](Connection& c) -> Status {
        RESONANT_CHECK(c.run("INSERT INTO note(text) VALUES('before')"));
        Observer inner(*database_, Observer::Mode::Allow);
        RESONANT_CHECK(change("INSERT INTO note(text) VALUES('within')"));
        EXPECT_EQ(inner.changes().at("note").inserted, 1U);
        return {};
    }));
    EXPECT_EQ(outer.changes().at("note").inserted, 2U);
}

TEST_F(ObserverTest, sees_its_own_thread_only) {
    Observer observer(*database_, Observer::Mode::Allow);
    std::thread([&] { EXPECT_TRUE(change("INSERT INTO note(text) VALUES('other')")); }).join();
    EXPECT_TRUE(observer.changes().empty());
}

TEST_F(ObserverTest, one_that_refuses_denies_a_write_and_remembers_it) {
    Observer observer(*database_, Observer::Mode::RefuseWrites);
    const Status tried = change("INSERT INTO note(text) VALUES('no')");
    ASSERT_FALSE(tried.has_value());
    EXPECT_EQ(tried.error().code, Code::PermissionDenied);
    EXPECT_NE(tried.error().message.find("declared to read tried to write"), std::string::npos);
    EXPECT_TRUE(observer.refused());
    EXPECT_TRUE(observer.changes().empty());
}

TEST_F(ObserverTest, one_that_refuses_lets_books_be_kept) {
    Observer observer(*database_, Observer::Mode::RefuseWrites);
    EXPECT_TRUE(keep("INSERT INTO access VALUES(1,1)"));
    EXPECT_FALSE(observer.refused());
}

TEST_F(ObserverTest, keeping_books_is_no_way_around_it) {
    Observer observer(*database_, Observer::Mode::RefuseWrites);
    const Status tried = keep("INSERT INTO note(text) VALUES('no')");
    ASSERT_FALSE(tried.has_value());
    EXPECT_EQ(tried.error().code, Code::Internal);
    std::int64_t rows = -1;
    ASSERT_TRUE(database_->read([&](Connection& c) -> Status {
        RESONANT_ASSIGN(Statement statement, c.prepare("SELECT count(*) FROM note"));
        RESONANT_CHECK(statement.step());
        rows = statement.integer(0);
        return {};
    }));
    EXPECT_EQ(rows, 0);
}

}  // namespace
}  // namespace resonant::sql
