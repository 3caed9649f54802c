#include "resonant/sql/database.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "tests/support/scratch.h"

namespace resonant::sql {
namespace {

class DatabaseTest : public testing::Test {
  protected:
    DatabaseTest() { reopen(); }

    void reopen() {
        database_.reset();
        auto opened = Database::open(scratch_ / "test.db", {});
        ASSERT_TRUE(opened.has_value()) << opened.error().message;
        database_ = std::move(*opened);
        ASSERT_TRUE(database_
                        ->write([](Connection& c) {
                            return c.run(
                                "CREATE TABLE IF NOT EXISTS note(id INTEGER PRIMARY KEY,"
                                " text TEXT UNIQUE)");
                        })
                        .has_value());
    }

    Status insert(Connection& connection, std::string_view text) {
        RESONANT_ASSIGN(Statement statement,
                        connection.prepare("INSERT INTO note(text) VALUES(?)"));
        return statement.bind(1, text).run();
    }

    Status insert(std::string_view text) {
        return database_->write([&](Connection& c) { return insert(c, text); });
    }

    std::int64_t count() {
        std::int64_t rows = -1;
        const Status read = database_->read([&](Connection& c) -> Status {
            RESONANT_ASSIGN(Statement statement, c.prepare("SELECT count(*) FROM note"));
            RESONANT_CHECK(statement.step());
            rows = statement.integer(0);
            return {};
        });
        EXPECT_TRUE(read.has_value());
        return rows;
    }

    test::Scratch scratch_;
    std::unique_ptr<Database> database_;
};

TEST_F(DatabaseTest, what_was_written_is_there_after_opening_again) {
    ASSERT_TRUE(insert("kept").has_value());
    reopen();
    EXPECT_EQ(count(), 1);
}

TEST_F(DatabaseTest, a_commit_waits_for_the_disk) {
    std::string mode;
    std::int64_t synchronous = 0;
    ASSERT_TRUE(database_
                    ->write([&](Connection& c) -> Status {
                        RESONANT_ASSIGN(Statement how, c.prepare("PRAGMA synchronous"));
                        RESONANT_CHECK(how.step());
                        synchronous = how.integer(0);
                        RESONANT_ASSIGN(Statement journal, c.prepare("PRAGMA journal_mode"));
                        RESONANT_CHECK(journal.step());
                        mode = journal.text(0);
                        return {};
                    })
                    .has_value());
    EXPECT_EQ(synchronous, 2) << "FULL";
    EXPECT_EQ(mode, "wal");
}

TEST_F(DatabaseTest, only_the_owner_may_read_its_files) {
    ASSERT_TRUE(insert("secret").has_value());
    for (const char* name : {"test.db", "test.db-wal", "test.db-shm"}) {
        struct ::stat facts {};
        ASSERT_EQ(::stat((scratch_ / name).c_str(), &facts), 0) << name;
        EXPECT_EQ(facts.st_mode & 0777, 0600U) << name;
    }
}

TEST_F(DatabaseTest, a_failed_change_leaves_nothing_behind) {
    const Status failed = database_->write([&](Connection& c) -> Status {
        RESONANT_CHECK(insert(c, "half"));
        return fail(Code::Conflict, "no");
    });
    EXPECT_EQ(failed.error().code, Code::Conflict);
    EXPECT_EQ(count(), 0);
}

TEST_F(DatabaseTest, a_change_that_throws_leaves_nothing_behind) {
    EXPECT_THROW(static_cast<void>(database_->write([&](Connection& c) -> Status {
                     RESONANT_CHECK(insert(c, "half"));
                     throw std::runtime_error("stage");
                 })),
                 std::runtime_error);
    EXPECT_EQ(count(), 0);
    EXPECT_TRUE(insert("next").has_value()) << "the turn was given back";
}

TEST_F(DatabaseTest, a_change_inside_a_change_joins_it) {
    ASSERT_TRUE(database_
                    ->write([&](Connection& c) -> Status {
                        RESONANT_CHECK(insert(c, "outer"));
                        EXPECT_TRUE(database_->writing());
                        return insert("inner");
                    })
                    .has_value());
    EXPECT_EQ(count(), 2);
    EXPECT_FALSE(database_->writing());
}

TEST_F(DatabaseTest, an_inner_failure_undoes_the_inner_change_only) {
    ASSERT_TRUE(database_
                    ->write([&](Connection& c) -> Status {
                        RESONANT_CHECK(insert(c, "outer"));
                        const Status inner = database_->write([&](Connection& again) -> Status {
                            RESONANT_CHECK(insert(again, "inner"));
                            return fail(Code::Conflict, "no");
                        });
                        EXPECT_FALSE(inner.has_value());
                        return {};
                    })
                    .has_value());
    EXPECT_EQ(count(), 1);
}

TEST_F(DatabaseTest, an_outer_failure_undoes_the_inner_change_too) {
    const Status failed = database_->write([&](Connection&) -> Status {
        RESONANT_CHECK(insert("inner"));
        return fail(Code::Conflict, "no");
    });
    EXPECT_FALSE(failed.has_value());
    EXPECT_EQ(count(), 0);
}

TEST_F(DatabaseTest, readers_see_the_last_commit_while_a_writer_writes) {
    ASSERT_TRUE(insert("first").has_value());
    ASSERT_TRUE(database_
                    ->write([&](Connection& c) -> Status {
                        RESONANT_CHECK(insert(c, "second"));
                        EXPECT_EQ(count(), 2) << "a read inside the write sees it";
                        std::int64_t seen_elsewhere = 0;
                        std::thread([&] { seen_elsewhere = count(); }).join();
                        EXPECT_EQ(seen_elsewhere, 1);
                        return {};
                    })
                    .has_value());
}

TEST_F(DatabaseTest, a_read_sees_one_state_throughout) {
    ASSERT_TRUE(database_
                    ->read([&](Connection&) -> Status {
                        EXPECT_EQ(count(), 0);
                        std::thread([&] { EXPECT_TRUE(insert("meanwhile").has_value()); }).join();
                        EXPECT_EQ(count(), 0);
                        return {};
                    })
                    .has_value());
    EXPECT_EQ(count(), 1);
}

TEST_F(DatabaseTest, a_reader_cannot_write) {
    const Status tried = database_->read([&](Connection& c) { return insert(c, "no"); });
    ASSERT_FALSE(tried.has_value());
    EXPECT_EQ(tried.error().code, Code::PermissionDenied);
}

TEST_F(DatabaseTest, more_threads_than_readers_all_get_their_turn) {
    ASSERT_TRUE(insert("row").has_value());
    std::atomic<int> right{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 16; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 20; ++n) {
                right += count() == 1 ? 1 : 0;
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(right, 16 * 20);
}

TEST_F(DatabaseTest, many_writing_threads_lose_nothing) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&, i] {
            for (int n = 0; n < 25; ++n) {
                EXPECT_TRUE(insert(std::to_string(i) + "." + std::to_string(n)).has_value());
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(count(), 100);
}

TEST_F(DatabaseTest, one_query_may_run_inside_itself) {
    ASSERT_TRUE(insert("a").has_value());
    ASSERT_TRUE(insert("b").has_value());
    int pairs = 0;
    ASSERT_TRUE(database_
                    ->read([&](Connection& c) -> Status {
                        RESONANT_ASSIGN(Statement outer, c.prepare("SELECT text FROM note"));
                        for (;;) {
                            RESONANT_ASSIGN(const bool row, outer.step());
                            if (!row) {
                                return {};
                            }
                            RESONANT_ASSIGN(Statement inner, c.prepare("SELECT text FROM note"));
                            for (;;) {
                                RESONANT_ASSIGN(const bool again, inner.step());
                                if (!again) {
                                    break;
                                }
                                ++pairs;
                            }
                        }
                    })
                    .has_value());
    EXPECT_EQ(pairs, 4);
}

TEST_F(DatabaseTest, texts_and_blobs_come_back_byte_by_byte) {
    const std::string text("a\0b \xf0\x9f\x8c\x8a", 8);
    const std::array<std::byte, 3> bytes{std::byte{0}, std::byte{255}, std::byte{7}};
    ASSERT_TRUE(database_
                    ->write([&](Connection& c) -> Status {
                        RESONANT_CHECK(c.run("CREATE TABLE mix(t, b, e, n, r)"));
                        RESONANT_ASSIGN(Statement put,
                                        c.prepare("INSERT INTO mix VALUES(?,?,?,?,?)"));
                        put.bind(1, text).bind(2, std::span(bytes)).bind(3, std::string_view());
                        return put.bind_null(4).bind(5, 0.25).run();
                    })
                    .has_value());
    ASSERT_TRUE(database_
                    ->read([&](Connection& c) -> Status {
                        RESONANT_ASSIGN(Statement get, c.prepare("SELECT * FROM mix"));
                        RESONANT_CHECK(get.step());
                        EXPECT_EQ(get.text(0), text);
                        EXPECT_EQ(get.blob(1).size(), 3U);
                        EXPECT_EQ(get.blob(1)[1], std::byte{255});
                        EXPECT_FALSE(get.is_null(2));
                        EXPECT_EQ(get.text(2), "");
                        EXPECT_TRUE(get.is_null(3));
                        EXPECT_EQ(get.real(4), 0.25);
                        return {};
                    })
                    .has_value());
}

TEST_F(DatabaseTest, a_doubled_key_is_told_from_other_failures) {
    ASSERT_TRUE(insert("once").has_value());
    const Status twice = insert("once");
    ASSERT_FALSE(twice.has_value());
    EXPECT_EQ(twice.error().code, Code::AlreadyExists);
    EXPECT_NE(twice.error().message.find("note.text"), std::string::npos);
}

TEST_F(DatabaseTest, checkpoint_empties_the_log_but_not_inside_a_change) {
    ASSERT_TRUE(insert("row").has_value());
    EXPECT_GT(std::filesystem::file_size(scratch_ / "test.db-wal"), 0U);
    const Status inside = database_->write([&](Connection&) { return database_->checkpoint(); });
    EXPECT_EQ(inside.error().code, Code::Conflict);
    ASSERT_TRUE(database_->checkpoint().has_value());
    EXPECT_EQ(std::filesystem::file_size(scratch_ / "test.db-wal"), 0U);
    EXPECT_EQ(count(), 1);
}

TEST_F(DatabaseTest, checkpoint_gets_its_turn_among_readers_that_never_pause) {
    std::atomic<bool> done{false};
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i) {
        readers.emplace_back([&] {
            while (!done) {
                count();
            }
        });
    }
    for (int i = 0; i < 20; ++i) {
        EXPECT_TRUE(insert("row " + std::to_string(i)).has_value());
        const Status moved = database_->checkpoint();
        EXPECT_TRUE(moved.has_value()) << moved.error().message;
    }
    done = true;
    for (std::thread& reader : readers) {
        reader.join();
    }
    const Status inside = database_->read([&](Connection&) { return database_->checkpoint(); });
    EXPECT_EQ(inside.error().code, Code::Conflict);
}

TEST_F(DatabaseTest, a_table_can_be_dropped) {
    ASSERT_TRUE(database_->write([](Connection& c) { return c.run("DROP TABLE note"); }));
    const Status gone = database_->write([&](Connection& c) { return insert(c, "where"); });
    EXPECT_FALSE(gone.has_value());
}

}  // namespace
}  // namespace resonant::sql
