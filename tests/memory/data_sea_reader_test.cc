// Other processes search the Arrow copy: what they find, what they follow, and how little each holds of its own.
#include "resonant/memory/data_sea_reader.h"

#include <gmock/gmock.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <random>

#include "tests/memory/sea_fixture.h"
#include "tests/support/interrupt.h"

namespace resonant::memory {
namespace {

using testing::Contains;
using testing::ElementsAreArray;
using testing::Not;

class DataSeaReaderTest : public SeaTest {
  protected:
    static Ids ids_of(const Result<std::span<const search::Scored>>& found) {
        EXPECT_TRUE(found.has_value()) << found.error().message;
        Ids ids;
        for (const search::Scored& each : *found) {
            ids.push_back(each.id);
        }
        return ids;
    }
    std::unique_ptr<DataSeaReader> reader() const {
        auto opened = DataSeaReader::open(folder());
        EXPECT_TRUE(opened.has_value()) << opened.error().message;
        return std::move(*opened);
    }
    Vector vector_of(const std::string& text) { return *embedder_.embed(text); }
};

TEST_F(DataSeaReaderTest, without_a_copy_there_is_nothing_to_open) {
    EXPECT_EQ(DataSeaReader::open(folder()).error().code, Code::NotFound);
}

TEST_F(DataSeaReaderTest, it_answers_as_the_kernel_does_and_follows_what_is_added_changed_and_erased) {
    for (int i = 0; i < 40; ++i) {
        add("passage number " + std::to_string(i) + " of " + std::to_string(i % 7));
    }
    catch_up();
    const auto reading = reader();
    EXPECT_THAT(ids_of(reading->nearest(vector_of("passage 7"), 10)), ElementsAreArray(nearest("passage 7", 10)));
    const MemoryId added = add("coral reef");
    EXPECT_THAT(ids_of(reading->nearest(vector_of("coral reef"), 5)), Not(Contains(added))) << "not folded yet";
    catch_up();
    EXPECT_EQ(ids_of(reading->nearest(vector_of("coral reef"), 5)).front(), added);
    Memory secret;
    secret.is_private = true;
    const MemoryId hidden = add("coral atoll", secret);
    catch_up();
    EXPECT_THAT(ids_of(reading->nearest(vector_of("coral atoll"), 100)), Not(Contains(hidden)));
    ASSERT_TRUE(sea_->erase(added, "", "owner").has_value());
    EXPECT_THAT(ids_of(reading->nearest(vector_of("coral reef"), 100)), Not(Contains(added)));
    EXPECT_EQ(ids_of(reading->nearest(vector_of("passage"), 100)).size(), 40U);
    const Vector one = vector_of("passage 3");
    const Vector other = vector_of("number 5");
    const auto each = reading->nearest_each(std::vector{one, other, one, other, one}, 7);
    ASSERT_TRUE(each.has_value());
    for (std::size_t i = 0; i < 5; ++i) {
        const auto alone = reading->nearest(i % 2 == 0 ? one : other, 7);
        EXPECT_TRUE(std::equal(alone->begin(), alone->end(), (*each)[i].begin(), (*each)[i].end(),
                               [](const search::Scored& a, const search::Scored& b) { return a.id == b.id && a.score == b.score; }));
    }
}

TEST_F(DataSeaReaderTest, damage_is_told_until_the_kernel_has_mended_it) {
    for (int i = 0; i < 40; ++i) {
        add("passage " + std::to_string(i));
    }
    catch_up();
    const auto manifest = *read_manifest(folder());
    const SegmentFacts& facts = manifest->segments.front();
    const Extent& coarse = facts.columns[static_cast<std::size_t>(Column::Coarse)];
    {
        std::fstream file(folder() / facts.file, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(coarse.offset + coarse.bytes / 2));
        file.put('\x55');
    }
    const auto reading = reader();
    EXPECT_EQ(reading->nearest(vector_of("passage 3"), 5).error().code, Code::DataLoss);
    const Ids expected = nearest("passage 3", 5);
    std::vector<std::string> findings;
    ASSERT_TRUE(sea_->verify(true, findings).has_value());
    EXPECT_THAT(ids_of(reading->nearest(vector_of("passage 3"), 5)), ElementsAreArray(expected));
}

// Kilobytes that only this process holds.
long private_kib() {
    std::ifstream rollup("/proc/self/smaps_rollup");
    long sum = 0;
    for (std::string word; rollup >> word;) {
        if (word == "Private_Dirty:" || word == "Private_Clean:") {
            long kib = 0;
            rollup >> kib;
            sum += kib;
        }
    }
    return sum;
}

constexpr std::size_t kRows = 6'000;  // 12 MB of file
constexpr const char* kFolder = "RESONANT_READER_FOLDER";

std::vector<SegmentRow> many_rows() {
    std::mt19937_64 random(4);
    std::vector<SegmentRow> rows(kRows);
    for (std::size_t i = 0; i < kRows; ++i) {
        rows[i].id = i + 1;
        rows[i].vector[random() % kDimensions] = 0.8F;
        rows[i].vector[random() % kDimensions] = 0.6F;
    }
    return rows;
}

// What the other process does: 0 when all is well, else what is not.
int read_from(const std::filesystem::path& folder) {
    const auto rows = many_rows();
    const long before = private_kib();
    const auto reading = DataSeaReader::open(folder);
    for (std::size_t i = 0; i < 50; ++i) {
        if (!reading || !(*reading)->nearest(rows[i * 7].vector, 10)) {
            return 1;
        }
    }
    if ((*reading)->manifest().rows() != kRows / 2) {
        return 2;
    }
    std::ofstream(folder / "ready") << "x";
    for (int waited = 0; waited < 3'000; ++waited) {
        const auto found = (*reading)->nearest(rows[kRows - 1].vector, 1'000);
        if (!found || (*reading)->manifest().rows() == kRows) {
            const long grown = private_kib() - before;
            std::fprintf(stderr, "a reader of %zu rows holds %ld KiB of its own\n", kRows, grown);
            return !found || found->front().id != kRows ? 3 : grown > 2'048 && !test::kSanitized ? 4 : 0;
        }
        ::usleep(10'000);
    }
    return 5;
}

TEST_F(DataSeaReaderTest, another_process_follows_without_reopening_and_holds_less_than_two_megabytes) {
    if (const char* told = std::getenv(kFolder)) {
        std::_Exit(read_from(told));
    }
    const auto rows = many_rows();
    std::vector<float> sample;
    for (const SegmentRow& row : rows) {
        sample.insert(sample.end(), row.vector.begin(), row.vector.end());
    }
    const search::CodeBook book = search::CodeBook::plain(sample);
    Manifest manifest;
    manifest.book = "sea-0-0.book";
    ASSERT_TRUE(write_book(folder(), manifest.book, book));
    const std::span all(rows);
    manifest.segments.push_back(*write_segment(folder(), "sea-0-1.arrow", all.first(kRows / 2), "m", &book));
    ASSERT_TRUE(write_manifest(folder(), manifest));
    // Whose pages the other process shares.
    const auto ours = Segment::open(folder(), manifest.segments.front());
    ASSERT_TRUE((*ours)->verify());
    ::setenv(kFolder, folder().c_str(), 1);
    const char* filter = "--gtest_filter=DataSeaReaderTest.another_process*";
    const char* words[] = {"/proc/self/exe", filter, nullptr};
    pid_t other = -1;
    ASSERT_EQ(::posix_spawn(&other, words[0], nullptr, nullptr, const_cast<char**>(words), environ), 0);
    ::unsetenv(kFolder);
    for (int waited = 0; waited < 3'000 && !std::filesystem::exists(folder() / "ready"); ++waited) {
        ::usleep(10'000);
    }
    manifest.segments.push_back(*write_segment(folder(), "sea-0-2.arrow", all.last(kRows / 2), "m", &book));
    const auto second = Segment::open(folder(), manifest.segments.back());
    ASSERT_TRUE((*second)->verify());
    ASSERT_TRUE(write_manifest(folder(), manifest));
    int status = -1;
    ASSERT_EQ(::waitpid(other, &status, 0), other);
    EXPECT_EQ(WEXITSTATUS(status), 0) << "1, 3: it found nothing or another; 4: it holds too much; 5: it did not follow";
}

TEST_F(DataSeaReaderTest, it_follows_a_copy_that_was_written_anew_on_demand) {
    for (int i = 0; i < 30; ++i) {
        add("passage number " + std::to_string(i));
    }
    catch_up();
    const auto reading = reader();
    const Status inside = database_->write([&](sql::Connection&) { return sea_->rebuild({}); });
    ASSERT_FALSE(inside.has_value());
    EXPECT_EQ(inside.error().code, Code::Conflict);
    ASSERT_TRUE(database_->write([](sql::Connection& c) {  // as if the text index had lost one
        return c.run("DELETE FROM memory_words_docsize WHERE id = 3");
    }));
    EXPECT_EQ(sea_->recall("passage", {}, 10, "ann").error().code, Code::DataLoss);
    std::size_t done = 0, total = 0;
    ASSERT_TRUE(sea_->rebuild([&](std::size_t so_far, std::size_t all) {
        EXPECT_GE(so_far, done);
        done = so_far;
        total = all;
    }));
    EXPECT_EQ(done, 30U);
    EXPECT_EQ(total, 30U);
    EXPECT_THAT(recall("passage number 3"), testing::SizeIs(10));
    EXPECT_THAT(ids_of(reading->nearest(vector_of("passage 7"), 10)), ElementsAreArray(nearest("passage 7", 10)));
    std::vector<std::string> findings;
    ASSERT_TRUE(sea_->verify(false, findings));
    EXPECT_THAT(findings, testing::IsEmpty());
}

}  // namespace
}  // namespace resonant::memory
