#include "resonant/memory/segment.h"

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <fstream>
#include <random>
#include <set>

#include "resonant/base/sha256.h"
#include "resonant/json/json.h"
#include "resonant/memory/manifest.h"
#include "tests/support/child.h"
#include "tests/support/interrupt.h"
#include "tests/support/scratch.h"

namespace resonant::memory {
namespace {

Json manifest_of(const std::filesystem::path& folder) {
    std::ifstream file(folder / kManifestFile);
    return Json::parse(std::string(std::istreambuf_iterator<char>(file), {}));
}

Zone zone(const SegmentRow& row) {
    Memory memory;
    memory.distance = row.distance;
    return memory.zone();
}

// In the order in which a segment holds them.
std::vector<SegmentRow> make_rows(std::size_t count, std::size_t title_bytes = 5) {
    std::vector<SegmentRow> rows(count);
    for (std::size_t i = 0; i < count; ++i) {
        rows[i].id = i + 10;
        rows[i].title = std::string(title_bytes + i % 3, 't');
        rows[i].vector.fill(0);
        rows[i].vector[i % kDimensions] = 1;
        rows[i].distance = static_cast<double>(i % 10) / 10;
        rows[i].created_ns = static_cast<std::int64_t>(i);
        rows[i].signature = i % 2 == 0 ? 3 : 1;
        rows[i].is_archived = i % 5 == 0;
    }
    std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return zone(a) < zone(b); });
    return rows;
}

void flip(const std::filesystem::path& path, std::size_t at, unsigned bit) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const int byte = file.get();
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(byte ^ (1 << bit)));
}

// The file as a later version would write it: two columns more, and the manifest's places moved with them.
arrow::Status rewrite_with_more_columns(const std::filesystem::path& path, SegmentFacts& facts) {
    ARROW_ASSIGN_OR_RAISE(const auto file, arrow::io::ReadableFile::Open(path.string()));
    ARROW_ASSIGN_OR_RAISE(const auto bytes, file->ReadAt(0, static_cast<std::int64_t>(facts.bytes)));
    ARROW_ASSIGN_OR_RAISE(const auto reader,
                          arrow::ipc::RecordBatchFileReader::Open(std::make_shared<arrow::io::BufferReader>(bytes)));
    ARROW_ASSIGN_OR_RAISE(auto batch, reader->ReadRecordBatch(0));
    arrow::StringBuilder words;
    arrow::UInt32Builder numbers;
    for (std::int64_t i = 0; i < batch->num_rows(); ++i) {
        ARROW_RETURN_NOT_OK(words.Append("later"));
        ARROW_RETURN_NOT_OK(numbers.Append(7));
    }
    ARROW_ASSIGN_OR_RAISE(const auto word_column, words.Finish());
    ARROW_ASSIGN_OR_RAISE(const auto number_column, numbers.Finish());
    ARROW_ASSIGN_OR_RAISE(batch, batch->AddColumn(batch->num_columns(), "later_words", word_column));
    ARROW_ASSIGN_OR_RAISE(batch, batch->AddColumn(batch->num_columns(), "later_numbers", number_column));
    for (int filler = 0; filler < 64; ++filler) {  // until the vectors are aligned again
        const auto metadata = arrow::key_value_metadata({"filler"}, {std::string(static_cast<std::size_t>(filler) * 4, '.')});
        ARROW_ASSIGN_OR_RAISE(const auto sink, arrow::io::BufferOutputStream::Create());
        auto options = arrow::ipc::IpcWriteOptions::Defaults();
        options.alignment = 8;
        ARROW_ASSIGN_OR_RAISE(const auto writer, arrow::ipc::MakeFileWriter(
            sink, batch->schema()->WithMetadata(metadata), options));
        ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch->ReplaceSchemaMetadata(metadata)));
        ARROW_RETURN_NOT_OK(writer->Close());
        ARROW_ASSIGN_OR_RAISE(const auto whole, sink->Finish());
        const std::string_view text(reinterpret_cast<const char*>(whole->data()), static_cast<std::size_t>(whole->size()));
        const char* old = reinterpret_cast<const char*>(bytes->data());
        for (Extent& extent : facts.columns) {  // a column is known by its bytes
            extent.offset = text.find(std::string_view(old + extent.offset, extent.bytes));
        }
        if (facts.columns[static_cast<std::size_t>(Column::Embedding)].offset % 64 == 0) {
            std::ofstream(path, std::ios::binary) << text;
            facts.bytes = text.size();
            return arrow::Status::OK();
        }
        std::string copy(old, static_cast<std::size_t>(bytes->size()));
        for (std::size_t i = 0; i < kColumns; ++i) {  // back to where they were, for the next try
            const Extent& extent = facts.columns[i];
            facts.columns[i].offset = copy.find(text.substr(extent.offset, extent.bytes));
        }
    }
    return arrow::Status::Invalid("no filler aligns the vectors");
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

search::CodeBook book_of(const std::vector<SegmentRow>& rows) {
    std::vector<float> vectors;
    for (const SegmentRow& row : rows) {
        vectors.insert(vectors.end(), row.vector.begin(), row.vector.end());
    }
    return search::CodeBook::plain(vectors);
}

Result<std::vector<search::Scored>> nearest(const Segment& segment, const Vector& query, std::size_t k,
                                    const RowFilter& filter = {}) {
    search::CodeSearch search;
    RESONANT_CHECK(search.begin(query.data(), k));
    RESONANT_CHECK(segment.scan(search, filter, nullptr));
    RESONANT_ASSIGN(const auto found, search.finish());
    return std::vector<search::Scored>(found.begin(), found.end());
}

bool same(const std::vector<search::Scored>& a, const std::vector<search::Scored>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const search::Scored& x, const search::Scored& y) { return x.id == y.id && x.score == y.score; });
}

TEST(Segment, no_flipped_bit_goes_unseen_or_changes_an_answer) {
    const test::Scratch scratch;
    const auto rows = make_rows(21);
    const auto book = std::make_shared<search::CodeBook>(book_of(rows));
    for (const bool with_codes : {true, false}) {
        const auto facts = write_segment(scratch.path(), "a.arrow", rows, "words/f32", with_codes ? book.get() : nullptr);
        ASSERT_TRUE(facts.has_value());
        RowFilter filter;
        filter.created_min = 3;
        filter.signature = 2;
        filter.with_archived = false;
        const auto expected = nearest(**Segment::open(scratch.path(), *facts, book), rows[5].vector, 30);
        const auto narrowed = nearest(**Segment::open(scratch.path(), *facts, book), rows[5].vector, 30, filter);
        ASSERT_EQ(expected->size(), rows.size());
        ASSERT_GT(narrowed->size(), 3U);
        ASSERT_LT(narrowed->size(), 12U);
        // Each byte in the long form; else every 13th, which still meets head, vectors and foot.
        const std::size_t stride = std::getenv("RESONANT_LONG") != nullptr ? 1 : 13;
        for (std::size_t at = 0; at < facts->bytes; at += stride) {
            const unsigned bit = static_cast<unsigned>(at % 8);
            flip(scratch / "a.arrow", at, bit);
            const auto damaged = Segment::open(scratch.path(), *facts, book);
            ASSERT_TRUE(damaged.has_value());
            EXPECT_EQ((*damaged)->verify().error().code, Code::DataLoss) << "byte " << at;
            for (const auto& [asked, answer] : {std::pair(RowFilter(), *expected), {filter, *narrowed}}) {
                const auto found = nearest(**damaged, rows[5].vector, 30, asked);
                EXPECT_TRUE(found ? same(*found, answer) : found.error().code == Code::DataLoss) << "byte " << at;
            }
            flip(scratch / "a.arrow", at, bit);
        }
        EXPECT_TRUE((*Segment::open(scratch.path(), *facts))->verify().has_value());
    }
}

// The first search that reads every coarse code sums them up as it goes: the first blocks, those in the middle, and the
// last, incomplete one.
TEST(Segment, a_damaged_coarse_code_is_refused_by_whichever_search_reads_it_first_and_by_the_next) {
    const test::Scratch scratch;
    const auto rows = make_rows(1'005);
    const auto book = std::make_shared<search::CodeBook>(book_of(rows));
    const auto facts = write_segment(scratch.path(), "a.arrow", rows, "words/f32", book.get());
    ASSERT_TRUE(facts.has_value());
    RowFilter some;
    some.zones = 3;
    Vector tiny{};  // of a length for which no bound is proved: its search reads vectors
    tiny[3] = 1e-20F;
    const auto whole = Segment::open(scratch.path(), *facts, book);
    const auto expected = nearest(**whole, rows[5].vector, 12);
    EXPECT_TRUE(same(*nearest(**whole, rows[5].vector, 12), *expected)) << "once they are checked";
    EXPECT_TRUE(nearest(**Segment::open(scratch.path(), *facts, book), tiny, 12).has_value());
    const Extent& coarse = facts->columns[static_cast<std::size_t>(Column::Coarse)];
    std::vector<std::size_t> places = {coarse.bytes - 1};
    for (std::size_t at = 0; at < coarse.bytes; at += std::getenv("RESONANT_LONG") != nullptr ? 7 : 997) {
        places.push_back(at);
    }
    for (const std::size_t at : places) {
        flip(scratch / "a.arrow", coarse.offset + at, static_cast<unsigned>(at % 8));
        for (const auto& [query, filter] : {std::pair(rows[5].vector, RowFilter()), {rows[5].vector, some}, {tiny, RowFilter()}}) {
            const auto damaged = Segment::open(scratch.path(), *facts, book);
            ASSERT_TRUE(damaged.has_value());
            EXPECT_FALSE(nearest(**damaged, query, 12).has_value()) << "byte " << at;
            EXPECT_FALSE(nearest(**damaged, rows[5].vector, 12, filter).has_value()) << "byte " << at;
        }
        flip(scratch / "a.arrow", coarse.offset + at, static_cast<unsigned>(at % 8));
    }
}

TEST(Segment, columns_narrow_a_search_to_what_they_say) {
    const test::Scratch scratch;
    const std::uint64_t seed = std::random_device()();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    auto rows = make_rows(700);
    for (SegmentRow& row : rows) {
        row.distance = static_cast<double>(random() % 100) / 100;
        row.is_protected = random() % 3 == 0;
        row.is_archived = random() % 4 == 0;
        row.created_ns = static_cast<std::int64_t>(random() % 1000) - 500;
        row.signature = random() & random();
    }
    const auto book = std::make_shared<search::CodeBook>(book_of(rows));
    const auto facts = write_segment(scratch.path(), "a.arrow", rows, "m", book.get());
    ASSERT_TRUE(facts.has_value());
    const auto segment = Segment::open(scratch.path(), *facts, book);
    ASSERT_TRUE(segment.has_value()) << segment.error().message;
    for (int round = 0; round < 200; ++round) {
        RowFilter filter;
        filter.zones = static_cast<std::uint8_t>(random() % 3 == 0 ? 31 : random() % 32);
        if (random() % 3 == 0) {
            filter.is_protected = random() % 2 == 0;
        }
        filter.with_archived = random() % 2 == 0;
        filter.created_min = random() % 2 == 0 ? INT64_MIN : static_cast<std::int64_t>(random() % 1000) - 500;
        filter.created_max = random() % 2 == 0 ? INT64_MAX : filter.created_min + 300;
        filter.signature = std::array<std::uint64_t, 3>{0, 1, 0x8001}[random() % 3];
        std::vector<MemoryId> only;
        for (const SegmentRow& row : rows) {
            if (random() % 2 == 0) {
                only.push_back(row.id);
            }
        }
        filter.only = random() % 3 == 0 ? &only : nullptr;
        const Vector& query = rows[random() % rows.size()].vector;
        std::vector<search::Scored> expected;
        for (const SegmentRow& row : rows) {
            Memory memory;
            memory.distance = row.distance;
            if ((filter.zones >> static_cast<unsigned>(memory.zone()) & 1) != 0 &&
                (!filter.is_protected || *filter.is_protected == row.is_protected) &&
                (filter.with_archived || !row.is_archived) && row.created_ns >= filter.created_min &&
                row.created_ns <= filter.created_max && (row.signature & filter.signature) == filter.signature &&
                (filter.only == nullptr || std::binary_search(only.begin(), only.end(), row.id))) {
                expected.push_back({search::dot_of(search::Kernel::Scalar)(query.data(), row.vector.data()), row.id});
            }
        }
        std::sort(expected.begin(), expected.end());
        expected.resize(std::min<std::size_t>(expected.size(), 10));
        EXPECT_TRUE(same(*nearest(**segment, query, 10, filter), expected)) << "round " << round;
    }
}

TEST(Segment, without_its_code_book_every_vector_is_read) {
    const test::Scratch scratch;
    const auto rows = make_rows(100);
    const auto book = std::make_shared<search::CodeBook>(book_of(rows));
    const auto other = std::make_shared<search::CodeBook>(book_of(make_rows(7)));
    const auto facts = write_segment(scratch.path(), "a.arrow", rows, "m", book.get());
    const auto coded = Segment::open(scratch.path(), *facts, book);
    EXPECT_TRUE((*coded)->has_codes());
    for (const auto& none : {std::shared_ptr<search::CodeBook>(), other}) {
        const auto plain = Segment::open(scratch.path(), *facts, none);
        ASSERT_TRUE(plain.has_value()) << plain.error().message;
        EXPECT_FALSE((*plain)->has_codes());
        EXPECT_TRUE(same(*nearest(**plain, rows[3].vector, 7), *nearest(**coded, rows[3].vector, 7)));
    }
}

TEST(Segment, a_reader_opens_what_a_later_version_wrote_with_more_columns) {
    const test::Scratch scratch;
    const auto rows = make_rows(50);
    const auto book = std::make_shared<search::CodeBook>(book_of(rows));
    auto facts = write_segment(scratch.path(), "a.arrow", rows, "m", book.get());
    const auto expected = nearest(**Segment::open(scratch.path(), *facts, book), rows[3].vector, 7);
    ASSERT_TRUE(rewrite_with_more_columns(scratch / "a.arrow", *facts).ok());
    const auto segment = Segment::open(scratch.path(), *facts, book);
    ASSERT_TRUE(segment.has_value()) << segment.error().message;
    EXPECT_TRUE(same(*nearest(**segment, rows[3].vector, 7), *expected));

    Manifest manifest;
    manifest.segments = {*facts};
    ASSERT_TRUE(write_manifest(scratch.path(), manifest));
    Json later = manifest_of(scratch.path());
    later["version"] = kManifestVersion + 1;
    later["a_later_member"] = {1, 2, 3};
    later["segments"][0]["columns"]["later"] = {0, 8, "00"};
    const auto publish = [&] {
        later.erase("sha256");
        later.erase("checksum");
        const std::string text = later.dump();
        const auto sum = search::code_kernels(search::best_kernel()).checksum(reinterpret_cast<const std::byte*>(text.data()), text.size());
        char word[17];
        std::snprintf(word, sizeof word, "%016llx", static_cast<unsigned long long>(sum));
        later["checksum"] = word;
        std::ofstream(scratch / kManifestFile) << later;
    };
    publish();
    const auto read = read_manifest(scratch.path());
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_TRUE(Segment::open(scratch.path(), (*read)->segments[0], book).has_value());
    later["readable_from"] = kManifestVersion + 1;
    publish();
    EXPECT_EQ(read_manifest(scratch.path()).error().code, Code::DataLoss) << "it says that this version cannot";
}

TEST(Segment, what_version_2_wrote_is_verified_by_its_sha256) {
    const test::Scratch scratch;
    const auto rows = make_rows(30);
    auto facts = write_segment(scratch.path(), "a.arrow", rows, "m");
    ASSERT_TRUE(facts.has_value());
    std::ifstream file(scratch / "a.arrow", std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    facts->sha256 = sha256_hex(bytes);
    facts->checksum = 0;
    Manifest manifest;
    manifest.segments = {*facts};
    ASSERT_TRUE(write_manifest(scratch.path(), manifest));
    Json older = manifest_of(scratch.path());
    older["version"] = 2;
    older["segments"][0].erase("checksum");
    older["checksum"] = manifest_checksum(older.dump());
    std::ofstream(scratch / kManifestFile) << older;
    const auto read = read_manifest(scratch.path());
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_TRUE((*Segment::open(scratch.path(), (*read)->segments[0]))->verify());
    flip(scratch / "a.arrow", bytes.size() / 2, 3);
    EXPECT_EQ((*Segment::open(scratch.path(), (*read)->segments[0]))->verify().error().code, Code::DataLoss);
    older["version"] = 1;
    older["checksum"] = manifest_checksum(older.dump());
    std::ofstream(scratch / kManifestFile) << older;
    EXPECT_EQ(read_manifest(scratch.path()).error().code, Code::DataLoss);
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
    if (test::kThreadSanitized) {
        GTEST_SKIP() << "the thread sanitizer ends a forked child that starts a thread";
    }
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

TEST(Manifest, a_member_that_is_missing_or_of_another_kind_is_refused_by_name) {
    const test::Scratch scratch;
    Manifest manifest;
    SegmentFacts facts;
    facts.file = "a.arrow";
    facts.rows = 3;
    facts.gone = {1, 2};
    facts.columns[0] = {64, 24, 7};
    manifest.segments = {facts};
    ASSERT_TRUE(write_manifest(scratch.path(), manifest));
    const Json whole = manifest_of(scratch.path());
    const auto read_as = [&](Json document) {
        document["checksum"] = manifest_checksum(document.dump());
        std::ofstream(scratch / kManifestFile) << document;
        return read_manifest(scratch.path());
    };
    ASSERT_TRUE(read_as(whole).has_value());
    const std::set<std::string> free = {"checksum", "format", "galaxy", "readable_from", "sha256"};
    const auto try_each = [&](const Json& members, const auto& inside) {
        for (const auto& [name, value] : members.items()) {
            Json without = whole;
            inside(without).erase(name);
            const auto missing = read_as(without);
            EXPECT_TRUE(free.contains(name) || !missing) << name;
            for (const Json& other : {Json(nullptr), Json(true), Json(-1.5), Json("no word"), Json{{"a", 1}}, Json{"b", -1}}) {
                Json wrong = whole;
                inside(wrong)[name] = other;
                const auto read = read_as(wrong);
                if (!free.contains(name) && other.type() != value.type()) {
                    ASSERT_FALSE(read) << name << ": " << other;
                    EXPECT_EQ(read.error().code, Code::DataLoss);
                    EXPECT_THAT(read.error().message, testing::HasSubstr(name));
                }
            }
        }
    };
    try_each(whole, [](Json& all) -> Json& { return all; });
    try_each(whole["segments"][0], [](Json& all) -> Json& { return all["segments"][0]; });
    Json more = whole;
    more["segments"][0]["gone"] = {3, 2};
    EXPECT_FALSE(read_as(more)) << "not sorted";
    more["segments"][0]["gone"] = {1, 2, 3, 4};
    EXPECT_FALSE(read_as(more)) << "more than there are rows";
}

TEST(Manifest, comes_back_as_it_was_and_no_flipped_bit_changes_it) {
    const test::Scratch scratch;
    EXPECT_EQ(read_manifest(scratch.path())->has_value(), false) << "there is none yet";
    Manifest manifest;
    manifest.generation = 3;
    manifest.files = 9;
    manifest.model = "words/f32";
    manifest.watermark = 77;
    SegmentFacts facts;
    facts.file = "sea-3-9.arrow";
    facts.rows = 5;
    facts.bytes = 1000;
    facts.checksum = 0x0123456789abcdef;
    facts.columns[0] = {64, 40, 0xfedcba9876543210};
    facts.code_norm = 123.4567F;
    manifest.segments = {facts};
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
            EXPECT_EQ((*read)->segments[0].checksum, manifest.segments[0].checksum);
        }
        flip(scratch / kManifestFile, at, bit);
    }
    EXPECT_GT(refused, size / 2);
    const auto read = read_manifest(scratch.path());
    EXPECT_EQ((*read)->generation, 3U);
    EXPECT_EQ((*read)->segments[0].columns[0].checksum, 0xfedcba9876543210);
    EXPECT_GE((*read)->segments[0].code_norm, facts.code_norm) << "a bound is rounded up";
}

}  // namespace
}  // namespace resonant::memory
