// A Segment is one sealed Arrow IPC file of one record batch: public memories with their vectors, in the seed's column
// order, then what a search and its filters read; all of one galaxy. It is written once, mapped by whoever reads, and unlinked when it is
// replaced; bytes that somebody may have mapped never change. docs/formats/memory.md has the columns.
//
// Threads: any may read one.
//
// Invariants:
//   (1) A file that has its final name is whole and on the disk.
//   (2) No answer comes from damaged bytes: what a search reads whole is checked at its first use, rows
//       by their own checksums each time, and the whole file against its checksum by verify(), which the kernel runs
//       over every segment in the background.
//   (3) The vectors begin at an address that 64 divides, and are used where they are mapped.
//   (4) Rows are sorted by zone, and of one galaxy (but in files of older programs).
//
// Opening reads no row: its cost does not depend on how many there are. It needs no Arrow library.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/search/code_search.h"
#include "resonant/memory/durable_file.h"
#include "resonant/memory/memory.h"
#include "resonant/memory/retention.h"

namespace resonant::memory {

inline constexpr std::size_t kSegmentRowsMax = 16'384;  // about 33 MB: a rebuild holds two

struct SegmentRow {
    MemoryId id = 0;
    std::string title;
    Vector vector{};
    double distance = 0;
    double importance = 0;
    std::uint16_t constellation = 0;
    std::uint64_t accessed_ns = 0;
    bool is_protected = false;
    std::uint8_t predecessor_family = 0;
    std::uint8_t phase = 0;
    std::uint8_t posture = 0;
    std::int64_t created_ns = 0;
    bool is_archived = false;
    std::uint64_t signature = 0;  // signature_of its galaxy, type and tags
};

// Columns that are read where they are mapped, in the order of the file.
enum class Column : std::uint8_t {
    Id,
    Embedding,
    Protected,
    Created,
    Archived,
    Signature,
    Coarse,
    Fine,
    FineFacts
};
inline constexpr std::size_t kColumns = 9;
inline constexpr std::array<const char*, kColumns> kColumnNames = {
    "memory_id", "embedding", "is_protected", "created_ns", "is_archived",
    "signature", "coarse_code", "fine_code", "fine_facts"};

// Where a column's values lie in the file.
struct Extent {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    std::uint64_t checksum = 0;  // CodeKernels::checksum
};

// What the manifest says of a segment.
struct SegmentFacts {
    std::string file;  // name inside the folder
    std::string galaxy;  // whose memories these are; empty: of several, as programs before it wrote them
    std::size_t rows = 0;
    std::uint64_t bytes = 0;
    std::uint64_t checksum = 0;  // CodeKernels::checksum of the file
    std::string sha256;  // hexadecimal: what versions before 3 wrote in its place; else empty
    std::int64_t watermark = 0;  // greatest embedding sequence in it
    std::vector<MemoryId> gone;  // sorted: rows of it that count no longer
    std::array<Extent, kColumns> columns{};
    std::uint64_t book = 0;  // the code book of its codes; 0: it has none
    float code_norm = 0;
    float row_norm = 0;
    std::array<std::size_t, kZones> zones{};  // rows of each
    std::size_t is_protected = 0, is_archived = 0;  // rows that are
    std::uint64_t signature_all = 0, signature_any = 0;  // bits of every row, of some
    std::int64_t created_min = 0, created_max = 0;
};

// Which rows a question asks for, as columns can tell. What it lets through still needs a look at the
// truth: signatures may agree by accident.
struct RowFilter {
    std::uint8_t zones = 31;  // bit z: zone z
    std::optional<bool> is_protected;
    bool with_archived = true;
    std::int64_t created_min = INT64_MIN, created_max = INT64_MAX;  // both included
    std::uint64_t signature = 0;                                    // bits that must be there
    // Which segments are looked at (SegmentSet); empty: all. Rows of those that hold several are told by their signature.
    std::string galaxy;
    const std::vector<MemoryId>* only = nullptr;                    // sorted; null: any
};

// How many bytes a column of so many rows has; 0 for codes without a book.
std::size_t column_bytes(Column column, std::size_t rows, const search::CodeBook* book);

// The bits that a tag, type or galaxy sets: `kind` keeps equal names of different kinds apart.
std::uint64_t signature_of(std::string_view kind, std::string_view name);

// A segment that is written and not yet on the disk: it counts when `file` is committed.
struct UnsyncedSegment {
    SegmentFacts facts;
    std::unique_ptr<DurableFile> file;
};

// Writes `rows` (1 to kSegmentRowsMax), sorted by zone, as folder/file: under another name, synced, renamed.
// ResourceExhausted when the disk is full; then no file is left. `book`: of the codes; null: without. `galaxy`: theirs.
Result<SegmentFacts> write_segment(const std::filesystem::path& folder, const std::string& file,
                                   std::span<const SegmentRow> rows, std::string_view model,
                                   const search::CodeBook* book = nullptr, std::string_view galaxy = {});
// The same, but for the last step.
Result<UnsyncedSegment> prepare_segment(const std::filesystem::path& folder, const std::string& file,
                                        std::span<const SegmentRow> rows, std::string_view model,
                                        const search::CodeBook* book = nullptr, std::string_view galaxy = {});

class Segment {
  public:
    // Maps it. DataLoss when the file is not of the size and columns that `facts` says. `book`: what codes are read
    // with when it is theirs; it outlives the segment.
    static Result<std::shared_ptr<const Segment>> open(const std::filesystem::path& folder,
                                                       const SegmentFacts& facts,
                                                       std::shared_ptr<const search::CodeBook> book = nullptr);
    Segment(const Segment&) = delete;
    Segment& operator=(const Segment&) = delete;
    ~Segment();

    std::span<const MemoryId> ids() const { return rows_.ids; }
    const float* vectors() const { return rows_.vectors; }  // float[ids().size() * 384]
    const SegmentFacts& facts() const { return facts_; }
    bool has_codes() const { return rows_.book != nullptr; }

    // Adds its rows that `filter` lets through, but those in `without` and `gone` (sorted), to `search`. DataLoss when
    // what it reads is damaged.
    Status scan(search::CodeSearch& search, const RowFilter& filter, const std::vector<MemoryId>* without,
                const std::vector<MemoryId>* gone = nullptr) const;
    // The vector of its row with that id; null when it has none, or the row is damaged. The first time costs a sort of
    // its ids, and two bytes a row.
    const float* vector_of(MemoryId id) const;
    // Reads the whole file. DataLoss when its checksum differs.
    Status verify() const;
    // DataLoss when somebody cut the file short that is mapped: to read beyond its end would end the process. One that
    // was removed or replaced stays whole where it is mapped. Cost: one stat(), when the last look is 10 ms older than
    // `now_ms`; one each time would cost a small search some hundredths.
    Status check_length(std::int64_t now_ms) const;
    // DataLoss when its file is gone, replaced or cut short: for who names it to others.
    Status check_file() const;

  private:
    Segment() = default;
    const std::byte* at(Column column) const;
    // Checks a column that is read whole, once in this process.
    Status check(Column column) const;
    bool is_checked(Column column) const;
    // The same of a column whose bytes were summed up on the way.
    Status check(Column column, const search::ByteSums& sums) const;
    Status scan_checked(search::CodeSearch& search, search::RowChoice& choice) const;
    // Fills the masks of rows [begin, end), and says about how many pass; SIZE_MAX: all, and no mask is filled.
    Result<std::size_t> choose(const RowFilter& filter, std::size_t begin, std::size_t end,
                               std::span<std::uint16_t> masks) const;

    std::filesystem::path path_;
    std::uint64_t inode_ = 0;
    mutable std::atomic<std::int64_t> looked_ms_ = 0;  // at its length
    SegmentFacts facts_;
    std::shared_ptr<const search::CodeBook> book_;
    const std::byte* bytes_ = nullptr;
    search::CodedRows rows_;
    std::vector<std::byte> last_block_;
    mutable std::array<std::atomic<bool>, kColumns> checked_{};
    mutable std::once_flag ordered_;
    mutable std::vector<std::uint16_t> order_;  // rows in the order of their ids; empty where those are damaged
};

}  // namespace resonant::memory
