// What a Database says when the disk is full, the file damaged, the folder closed.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "resonant/sql/database.h"
#include "tests/support/child.h"
#include "tests/support/scratch.h"

namespace resonant::sql {
namespace {

constexpr const char* kTable = "CREATE TABLE note(id INTEGER PRIMARY KEY, text TEXT)";

Status insert(Database& database, const std::string& text) {
    return database.write([&](Connection& c) -> Status {
        RESONANT_ASSIGN(Statement statement, c.prepare("INSERT INTO note(text) VALUES(?)"));
        return statement.bind(1, text).run();
    });
}

std::int64_t count(Database& database) {
    std::int64_t rows = -1;
    const Status read = database.read([&](Connection& c) -> Status {
        RESONANT_ASSIGN(Statement statement, c.prepare("SELECT count(*) FROM note"));
        RESONANT_CHECK(statement.step());
        rows = statement.integer(0);
        return {};
    });
    return read ? rows : -1;
}

// Fills the disk at `folder` row by row. 0 when the failure was named rightly, every acknowledged
// row is there and reading goes on.
int fill(const std::filesystem::path& folder) {
    auto database = Database::open(folder / "full.db", {});
    if (!database || !(*database)->write([](Connection& c) { return c.run(kTable); })) {
        return 1;
    }
    std::int64_t acknowledged = 0;
    for (; acknowledged < 10'000; ++acknowledged) {
        const Status added = insert(**database, std::string(4000, 'x'));
        if (added) {
            continue;
        }
        if (added.error().code != Code::ResourceExhausted ||
            added.error().message.find("disk is full") == std::string::npos) {
            std::fprintf(stderr, "%s\n", added.error().message.c_str());
            return 2;
        }
        return count(**database) == acknowledged ? 0 : 3;
    }
    return 4;
}

TEST(DatabaseBadDays, a_full_file_is_named_and_loses_no_acknowledged_row) {
    const test::Scratch scratch;
    EXPECT_EQ(0, test::in_child([&] {
                  ::signal(SIGXFSZ, SIG_IGN);
                  const rlimit limit{256 * 1024, 256 * 1024};
                  return ::setrlimit(RLIMIT_FSIZE, &limit) == 0 ? fill(scratch.path()) : 5;
              }));
}

TEST(DatabaseBadDays, a_full_disk_is_named_and_loses_no_acknowledged_row) {
    constexpr int kNoMount = 77;
    const test::Scratch scratch;
    const int status = test::in_child([&] {
        if (::unshare(CLONE_NEWNS) != 0 ||
            ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount("tmpfs", scratch.path().c_str(), "tmpfs", 0, "size=1m") != 0) {
            return kNoMount;
        }
        return fill(scratch.path());
    });
    if (status == kNoMount) {
        GTEST_SKIP() << "this user may not mount a small disk; the test of a full file stands in";
    }
    EXPECT_EQ(status, 0);
}

TEST(DatabaseBadDays, a_full_disk_inside_an_inner_change_undoes_the_outer_one) {
    const test::Scratch scratch;
    auto database = Database::open(scratch / "full.db", {});
    ASSERT_TRUE(database.has_value());
    ASSERT_TRUE((*database)->write(
        [](Connection& c) { return c.run(std::string(kTable) + "; PRAGMA max_page_count=8"); }));
    const Status failed = (*database)->write([&](Connection& c) -> Status {
        RESONANT_CHECK(insert(**database, "outer"));
        const Status inner = insert(**database, std::string(100'000, 'x'));
        EXPECT_EQ(inner.error().code, Code::ResourceExhausted);
        // An outer change that goes on regardless must not be committed piece by piece.
        return c.run("INSERT INTO note(text) VALUES('after')");
    });
    ASSERT_FALSE(failed.has_value());
    EXPECT_EQ(failed.error().code, Code::ResourceExhausted);
    EXPECT_EQ(count(**database), 0);
    EXPECT_TRUE(insert(**database, "small").has_value()) << "it works on when there is room";
}

TEST(DatabaseBadDays, a_file_that_is_no_database_is_data_loss_and_is_left_alone) {
    const test::Scratch scratch;
    const std::string words(8192, 'n');
    std::ofstream(scratch / "bad.db") << words;
    const auto opened = Database::open(scratch / "bad.db", {});
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code, Code::DataLoss);
    EXPECT_NE(opened.error().message.find("bad.db"), std::string::npos);
    EXPECT_EQ(std::filesystem::file_size(scratch / "bad.db"), words.size());
}

TEST(DatabaseBadDays, a_damaged_page_is_data_loss) {
    const test::Scratch scratch;
    {
        auto database = Database::open(scratch / "bad.db", {});
        ASSERT_TRUE(database.has_value());
        ASSERT_TRUE((*database)->write([](Connection& c) { return c.run(kTable); }));
        for (int i = 0; i < 50; ++i) {
            ASSERT_TRUE(insert(**database, std::string(1000, 'x')));
        }
        EXPECT_TRUE((*database)->check().has_value());
    }
    std::fstream file(scratch / "bad.db", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file << std::string(4096, '\xee');
    file.close();
    auto database = Database::open(scratch / "bad.db", {});
    ASSERT_TRUE(database.has_value()) << "the first page is whole";
    EXPECT_EQ((*database)->check().error().code, Code::DataLoss);
    EXPECT_EQ(insert(**database, "more").error().code, Code::DataLoss);
}

TEST(DatabaseBadDays, a_folder_that_may_not_be_written_is_named) {
    const test::Scratch scratch;
    const std::filesystem::path folder = scratch / "closed";
    std::filesystem::create_directory(folder);
    ASSERT_EQ(::chmod(folder.c_str(), 0555), 0);
    ASSERT_EQ(::chmod(scratch.path().c_str(), 0755), 0);
    EXPECT_EQ(0, test::in_child([&] {
                  if (::geteuid() == 0 && ::setuid(65534) != 0) {  // root may write everywhere
                      return 1;
                  }
                  const auto opened = Database::open(folder / "test.db", {});
                  return !opened && opened.error().code == Code::PermissionDenied ? 0 : 2;
              }));
}

TEST(DatabaseBadDays, a_missing_folder_is_named) {
    const test::Scratch scratch;
    const auto opened = Database::open(scratch.path() / "nowhere" / "test.db", {});
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code, Code::NotFound);
}

TEST(DatabaseBadDays, a_database_opened_for_reading_refuses_to_write) {
    const test::Scratch scratch;
    auto writing = Database::open(scratch / "test.db", {});
    ASSERT_TRUE(writing.has_value());
    ASSERT_TRUE((*writing)->write([](Connection& c) { return c.run(kTable); }));
    auto reading = Database::open(scratch / "test.db", {.readers = 1, .read_only = true});
    ASSERT_TRUE(reading.has_value()) << reading.error().message;
    EXPECT_EQ(count(**reading), 0);
    EXPECT_EQ(insert(**reading, "no").error().code, Code::PermissionDenied);
}

TEST(DatabaseBadDays, what_was_acknowledged_survives_a_kill) {
    const test::Scratch scratch;
    const int status = test::in_child([&] {
        auto database = Database::open(scratch / "test.db", {});
        if (!database || !(*database)->write([](Connection& c) { return c.run(kTable); }) ||
            !insert(**database, "acknowledged")) {
            return 1;
        }
        static_cast<void>((*database)->write([&](Connection&) {
            const Status half = insert(**database, "unfinished");
            ::raise(SIGKILL);
            return half;
        }));
        return 2;
    });
    EXPECT_EQ(status, 128 + SIGKILL);
    auto database = Database::open(scratch / "test.db", {});
    ASSERT_TRUE(database.has_value());
    EXPECT_EQ(count(**database), 1);
}

}  // namespace
}  // namespace resonant::sql
