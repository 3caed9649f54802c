#include "resonant/sql/optimistic.h"

#include <gtest/gtest.h>

#include "resonant/sql/database.h"
#include "tests/support/scratch.h"

namespace resonant::sql {
namespace {

class OptimisticTest : public testing::Test {
  protected:
    OptimisticTest() : database_(std::move(*Database::open(scratch_ / "test.db", {}))) {
        EXPECT_TRUE(database_->write([](Connection& c) { return c.run("CREATE TABLE note(text TEXT UNIQUE)"); }));
    }

    Status insert(const std::string& text) {
        return database_->write([&](Connection& c) { return c.run("INSERT INTO note VALUES('" + text + "')"); });
    }
    std::int64_t count() {
        std::int64_t rows = -1;
        EXPECT_TRUE(database_->read([&](Connection& c) -> Status {
            RESONANT_ASSIGN(Statement row, c.prepare("SELECT count(*) FROM note"));
            RESONANT_CHECK(row.step());
            rows = row.integer(0);
            return {};
        }));
        return rows;
    }

    test::Scratch scratch_;
    std::unique_ptr<Database> database_;
};

TEST_F(OptimisticTest, changes_that_go_well_commit_together) {
    const Optimistic hope;
    EXPECT_TRUE(database_->write([&](Connection&) -> Status {
        RESONANT_CHECK(insert("a"));
        return insert("b");
    }));
    EXPECT_FALSE(hope.spoiled());
    EXPECT_EQ(count(), 2);
}

TEST_F(OptimisticTest, a_change_that_fails_before_it_changed_a_row_stands_alone) {
    const Optimistic hope;
    EXPECT_TRUE(database_->write([&](Connection&) -> Status {
        RESONANT_CHECK(insert("a"));
        EXPECT_FALSE(database_->write([](Connection&) -> Status { return fail(Code::NotFound, "nothing there"); }));
        EXPECT_FALSE(insert("a"));  // twice
        return insert("b");
    }));
    EXPECT_FALSE(hope.spoiled());
    EXPECT_EQ(count(), 2);
}

TEST_F(OptimisticTest, a_change_that_fails_later_spoils_the_whole_and_leaves_nothing) {
    const auto change = [&](Connection&) -> Status {
        RESONANT_CHECK(insert("a"));
        EXPECT_FALSE(database_->write([&](Connection&) -> Status {
            RESONANT_CHECK(insert("b"));
            return fail(Code::Conflict, "on second thoughts");
        }));
        return insert("c");
    };
    {
        const Optimistic hope;
        EXPECT_FALSE(database_->write(change));
        EXPECT_TRUE(hope.spoiled());
        EXPECT_EQ(count(), 0);
    }
    EXPECT_TRUE(database_->write(change)) << "with savepoints the same change is undone alone";
    EXPECT_EQ(count(), 2);
}

TEST_F(OptimisticTest, what_observers_counted_of_a_failed_change_is_not_counted) {
    const Optimistic hope;
    const Observer observer(*database_, Observer::Mode::Allow);
    EXPECT_FALSE(database_->write([&](Connection&) -> Status {
        EXPECT_FALSE(database_->write([&](Connection&) -> Status {
            RESONANT_CHECK(insert("b"));
            return fail(Code::Conflict, "on second thoughts");
        }));
        return {};
    }));
    EXPECT_TRUE(observer.changes().empty());
}

}  // namespace
}  // namespace resonant::sql
