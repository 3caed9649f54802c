// Lawful erasure: the text is gone from every file, a tombstone stays.
#include <gmock/gmock.h>

#include <csignal>
#include <fstream>

#include "resonant/memory/survey.h"
#include "tests/memory/sea_fixture.h"
#include "tests/support/child.h"

namespace resonant::memory {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class EraseTest : public SeaTest {
  protected:
    MemoryId add_secret() {
        Memory memory;
        memory.title = "Zanzibar title";
        memory.tags = {"quetzalcoatl"};
        const MemoryId id = add("The passphrase is xylophone-rhubarb.", memory);
        Update update;
        update.content = "The passphrase was marzipan, now it is kaleidoscope.";
        EXPECT_TRUE(sea_->update(id, update, "ann").has_value());
        return id;
    }

    // Files of the home that hold one of the secret's words.
    std::vector<std::string> traces() const {
        std::vector<std::string> found;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch_.path())) {
            if (!entry.is_regular_file()) {
                continue;
            }
            std::ifstream file(entry.path(), std::ios::binary);
            const std::string bytes{std::istreambuf_iterator<char>(file), {}};
            for (const char* word : {"Zanzibar", "zanzibar", "quetzalcoatl", "xylophon", "rhubarb",
                                     "marzipan", "kaleidoscop"}) {
                if (bytes.find(word) != std::string::npos) {
                    found.push_back(entry.path().filename().string() + ": " + word);
                }
            }
        }
        return found;
    }

    std::int64_t tombstones() {
        std::int64_t count = 0;
        EXPECT_TRUE(database_->read([&](sql::Connection& c) -> Status {
            RESONANT_ASSIGN(auto row, c.prepare("SELECT count(*) FROM memory_tombstones"));
            RESONANT_CHECK(row.step());
            count = row.integer(0);
            return {};
        }));
        return count;
    }
};

TEST_F(EraseTest, no_file_holds_the_text_any_more) {
    for (int i = 0; i < 50; ++i) {
        add("Some other memory, number " + std::to_string(i) + ".");
    }
    const MemoryId id = add_secret();
    catch_up();
    EXPECT_THAT(traces(), testing::Not(IsEmpty())) << "the test can see it before";

    ASSERT_TRUE(sea_->erase(id, "asked for", "owner").has_value());
    EXPECT_THAT(traces(), IsEmpty());
    EXPECT_EQ(tombstones(), 1);
    EXPECT_EQ(sea_->read(id, "ann").error().code, Code::NotFound);
    EXPECT_EQ(sea_->history(id, "ann").error().code, Code::NotFound);
    EXPECT_THAT(search("kaleidoscope"), IsEmpty());
    EXPECT_THAT(search("zanzibar"), IsEmpty());
    EXPECT_EQ(search("number").size(), 10U) << "the others are still found";
    EXPECT_EQ(sea_->erase(id, "again", "owner").error().code, Code::NotFound);
    sea_.reset();
    database_.reset();
    EXPECT_THAT(traces(), IsEmpty());
}

TEST_F(EraseTest, its_words_are_gone_from_the_text_index) {
    const MemoryId id = add_secret();
    ASSERT_TRUE(sea_->erase(id, "asked for", "owner").has_value());
    ASSERT_TRUE(database_->write([](sql::Connection& c) {
        return c.run("CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, memory_words, row)");
    }));
    std::int64_t words = -1;
    ASSERT_TRUE(database_->write([&](sql::Connection& c) -> Status {
        RESONANT_ASSIGN(auto row, c.prepare("SELECT count(*) FROM temp.words"));
        RESONANT_CHECK(row.step());
        words = row.integer(0);
        return {};
    }));
    EXPECT_EQ(words, 0);
}

TEST_F(EraseTest, whatever_hangs_on_a_memory_goes_with_it) {
    const MemoryId id = add_secret();
    const MemoryId other = add("Some other memory.");
    catch_up();
    ASSERT_TRUE(sea_->link({id, other, "related", 0.5}, false, "ann"));
    ASSERT_TRUE(sea_->link({other, id, "extends", 0.5}, false, "ann"));
    ASSERT_TRUE(sea_->archive(id, "asked for", "ann"));
    const MemoryId read[] = {id};
    sea_->touch(read);
    Survey survey(*database_, clock_);
    ASSERT_TRUE(survey.mark(id, "junk", "never recalled"));
    ASSERT_TRUE(database_->write([&](sql::Connection& c) {
        const std::string from = " VALUES('file', " + std::to_string(id) + ", 'elsewhere', 'related', 1);";
        const std::string to = " VALUES('file', " + std::to_string(other) + ", 'key', 'related', 1);";
        const std::string ties = "INSERT INTO memory_import_ties(job, source, key, type, weight)";
        return c.run("INSERT INTO memory_import_keys VALUES('file', 'key', " + std::to_string(id) + ");" +
                     ties + from + ties + to);
    }));
    ASSERT_TRUE(sea_->settle(10));  // counts what was read
    ASSERT_TRUE(sea_->erase(id, "asked for", "owner"));
    ASSERT_TRUE(database_->read([&](sql::Connection& c) -> Status {
        RESONANT_ASSIGN(auto places, c.prepare("SELECT t.name, i.name FROM sqlite_master t, pragma_table_info(t.name) i"
                                               " WHERE t.type = 'table' AND t.name != 'memory_tombstones'"
                                               " AND (i.name IN ('memory_id', 'source', 'target')"
                                               "  OR (t.name = 'memories' AND i.name = 'id'))"));
        int looked = 0;
        RESONANT_CHECK(places.each([&](const sql::Statement& place) -> Status {
            RESONANT_ASSIGN(auto row, c.prepare("SELECT count(*) FROM " + place.text(0) + " WHERE " + place.text(1) +
                                                " = " + std::to_string(id)));
            RESONANT_CHECK(row.step());
            EXPECT_EQ(row.integer(0), 0) << place.text(0) << "." << place.text(1);
            ++looked;
            return {};
        }));
        EXPECT_GE(looked, 10) << "texts, tags, accesses, versions, moves, links, vectors, marks, keys, ties";
        RESONANT_ASSIGN(auto named, c.prepare("SELECT count(*) FROM memory_import_ties"));
        RESONANT_CHECK(named.step());
        EXPECT_EQ(named.integer(0), 0) << "the key may say what it was about";
        return {};
    }));
}

TEST_F(EraseTest, an_erased_id_is_never_given_again) {
    const MemoryId id = add_secret();
    ASSERT_TRUE(sea_->erase(id, "asked for", "owner").has_value());
    EXPECT_GT(add("the next one"), id);
}

TEST_F(EraseTest, inside_an_outer_change_it_is_finished_after_the_commit) {
    const MemoryId id = add_secret();
    catch_up();
    ASSERT_TRUE(database_->write([&](sql::Connection&) -> Status {
        RESONANT_CHECK(sea_->erase(id, "asked for", "owner"));
        EXPECT_EQ(sea_->finish_erase().error().code, Code::Conflict);
        return {};
    }));
    ASSERT_TRUE(sea_->finish_erase().has_value());
    EXPECT_THAT(traces(), IsEmpty());
}

TEST_F(EraseTest, undone_with_its_outer_change_it_leaves_everything) {
    const MemoryId id = add_secret();
    catch_up();
    const Status undone = database_->write([&](sql::Connection&) -> Status {
        RESONANT_CHECK(sea_->erase(id, "asked for", "owner"));
        return fail(Code::Conflict, "no");
    });
    EXPECT_FALSE(undone.has_value());
    EXPECT_THAT(search("kaleidoscope"), ElementsAre(id));
    EXPECT_THAT(nearest("Zanzibar title passphrase", 1), ElementsAre(id));
    EXPECT_EQ(tombstones(), 0);
}

TEST_F(EraseTest, killed_between_commit_and_finish_the_next_start_finishes_it) {
    const MemoryId id = add_secret();
    catch_up();
    sea_.reset();
    database_.reset();
    const int status = test::in_child([&] {
        reopen();
        const Status erased = database_->write(
            [&](sql::Connection&) { return sea_->erase(id, "asked for", "owner"); });
        return erased ? ::raise(SIGKILL) : 1;
    });
    ASSERT_EQ(status, 128 + SIGKILL);
    EXPECT_THAT(traces(), testing::Not(IsEmpty())) << "the log and the Arrow copy still had it";
    reopen();
    EXPECT_THAT(traces(), IsEmpty());
}

TEST_F(EraseTest, a_private_memory_can_be_erased_too) {
    Memory mine;
    mine.is_private = true;
    const MemoryId id = add("my marzipan", mine);
    ASSERT_TRUE(sea_->erase(id, "asked for", "owner").has_value());
    EXPECT_THAT(traces(), IsEmpty());
}

}  // namespace
}  // namespace resonant::memory
