#include "resonant/memory/segment.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <random>

#include "resonant/memory/manifest.h"
#include "tests/support/child.h"
#include "tests/support/scratch.h"

namespace resonant::memory {
namespace {

std::vector<SegmentRow> make_rows(std::size_t count, std::size_t title_bytes = 5) {
    std::vector<SegmentRow> rows(count);
    for (std::size_t i = 0; i < count; ++i) {
        rows[i].id = i + 10;
        rows[i].title = std::string(title_bytes + i % 3, 't');
        rows[i].vector.fill(0);
        rows[i].vector[i % kDimensions] = 1;
        rows[i].distance = 0.2;
    }
    return rows;
}

void flip(const std::filesystem::path& path, std::size_t at, unsigned bit) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const int byte = file.get();
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(byte ^ (1 << bit)));
}

TEST(Segment, rows_come_back_from_the_mapped_file_as_they_were) {
    const test::Scratch scratch;
    const auto rows = make_rows(100);
    const auto facts = write_segment(scratch.path(), "a.arrow", rows, "words/f32");
    ASSERT_TRUE(facts.has_value()) << facts.error().message;
    EXPECT_EQ(facts->rows, 100U);
    EXPECT_EQ(facts->bytes, std::filesystem::file_size(scratch / "a.arrow"));
    const auto segment = Segment::open(scratch.path(), *facts);
    ASSERT_TRUE(segment.has_value()) << segment.error().message;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        EXPECT_EQ((*segment)->ids()[i], rows[i].id);
        EXPECT_EQ(0, std::memcmp((*segment)->vectors() + i * kDimensions, rows[i].vector.data(),
                                 sizeof(Vector)));
    }
}

TEST(Segment, vectors_lie_on_a_multiple_of_64_whatever_stands_before_them) {
    const test::Scratch scratch;
    for (std::size_t count = 1; count <= 40; ++count) {
        const auto rows = make_rows(count, count * 7 % 23);
        const std::string model(count % 9, 'm');
        const auto facts = write_segment(scratch.path(), "a.arrow", rows, model);
        ASSERT_TRUE(facts.has_value()) << facts.error().message;
        const auto segment = Segment::open(scratch.path(), *facts);
        ASSERT_TRUE(segment.has_value()) << segment.error().message;
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>((*segment)->vectors()) % 64, 0U) << count;
    }
}

TEST(Segment, no_flipped_bit_goes_unseen) {
    const test::Scratch scratch;
    const auto facts = write_segment(scratch.path(), "a.arrow", make_rows(3), "words/f32");
    ASSERT_TRUE(facts.has_value());
    // Each byte in the long form; else every 13th, which still meets head, vectors and foot.
    const std::size_t stride = std::getenv("RESONANT_LONG") != nullptr ? 1 : 13;
    for (std::size_t at = 0; at < facts->bytes; at += stride) {
        const unsigned bit = static_cast<unsigned>(at % 8);
        flip(scratch / "a.arrow", at, bit);
        const auto damaged = Segment::open(scratch.path(), *facts);
        ASSERT_FALSE(damaged.has_value()) << "byte " << at;
        EXPECT_EQ(damaged.error().code, Code::DataLoss);
        flip(scratch / "a.arrow", at, bit);
    }
    EXPECT_TRUE(Segment::open(scratch.path(), *facts).has_value());
}

TEST(Segment, a_missing_short_or_long_file_is_data_loss) {
    const test::Scratch scratch;
    const auto facts = write_segment(scratch.path(), "a.arrow", make_rows(3), "words/f32");
    ASSERT_TRUE(facts.has_value());
    SegmentFacts other = *facts;
    other.file = "b.arrow";
    EXPECT_EQ(Segment::open(scratch.path(), other).error().code, Code::DataLoss);
    for (const std::uintmax_t size : {facts->bytes - 1, std::uintmax_t{0}, facts->bytes + 1}) {
        std::filesystem::resize_file(scratch / "a.arrow", size);
        EXPECT_EQ(Segment::open(scratch.path(), *facts).error().code, Code::DataLoss) << size;
    }
}

TEST(Segment, a_full_disk_is_named_and_leaves_no_file) {
    const test::Scratch scratch;
    EXPECT_EQ(0, test::in_child([&] {
                  ::signal(SIGXFSZ, SIG_IGN);
                  const rlimit limit{4096, 4096};
                  ::setrlimit(RLIMIT_FSIZE, &limit);
                  const auto facts = write_segment(scratch.path(), "a.arrow", make_rows(50), "m");
                  return facts ? 1 : facts.error().code == Code::ResourceExhausted ? 0 : 2;
              }));
    EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

TEST(Manifest, comes_back_as_it_was_and_no_flipped_bit_changes_it) {
    const test::Scratch scratch;
    EXPECT_EQ(read_manifest(scratch.path())->has_value(), false) << "there is none yet";
    Manifest manifest;
    manifest.generation = 3;
    manifest.files = 9;
    manifest.model = "words/f32";
    manifest.watermark = 77;
    manifest.segments = {{"sea-3-9.arrow", 5, 1000, std::string(64, 'a')}};
    ASSERT_TRUE(write_manifest(scratch.path(), manifest).has_value());
    const auto size = std::filesystem::file_size(scratch / kManifestFile);
    std::size_t refused = 0;
    for (std::size_t at = 0; at < size; ++at) {
        const unsigned bit = static_cast<unsigned>(at % 7);
        flip(scratch / kManifestFile, at, bit);
        const auto read = read_manifest(scratch.path());
        if (!read) {
            ++refused;
            EXPECT_EQ(read.error().code, Code::DataLoss);
        } else {  // white space became other white space
            ASSERT_TRUE(read->has_value());
            EXPECT_EQ((*read)->watermark, 77);
            EXPECT_EQ((*read)->rows(), 5U);
            EXPECT_EQ((*read)->segments[0].sha256, manifest.segments[0].sha256);
        }
        flip(scratch / kManifestFile, at, bit);
    }
    EXPECT_GT(refused, size / 2);
    EXPECT_EQ((*read_manifest(scratch.path()))->generation, 3U);
}

}  // namespace
}  // namespace resonant::memory
