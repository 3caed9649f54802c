// A Segment is one sealed Arrow IPC file of one record batch: public memories with their vectors,
// in the seed's column order. It is written once, mapped by whoever reads, and unlinked when it is
// replaced; bytes that somebody may have mapped never change. docs/formats/memory.md has the
// columns.
//
// Threads: any may read one.
//
// Invariants:
//   (1) A file that has its final name is whole and on the disk.
//   (2) open() hands out no byte of a file whose SHA-256 differs from the one it is told.
//   (3) The vectors begin at an address that 64 divides, and are used where they are mapped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/memory/embedder.h"
#include "resonant/memory/memory.h"

namespace resonant::memory {

inline constexpr std::size_t kSegmentRowsMax = 16'384;  // about 25 MB: bounds what a rebuild holds

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
};

// What the manifest says of a segment.
struct SegmentFacts {
    std::string file;  // name inside the folder
    std::size_t rows = 0;
    std::uint64_t bytes = 0;
    std::string sha256;  // hexadecimal
};

// Writes `rows` (1 to kSegmentRowsMax) as folder/file: under another name, synced, renamed.
// ResourceExhausted when the disk is full; then no file is left.
Result<SegmentFacts> write_segment(const std::filesystem::path& folder, const std::string& file,
                                   std::span<const SegmentRow> rows, std::string_view model);

class Segment {
  public:
    // Maps it. DataLoss when the bytes are not those of `facts`.
    static Result<std::shared_ptr<const Segment>> open(const std::filesystem::path& folder,
                                                       const SegmentFacts& facts);
    Segment(const Segment&) = delete;
    Segment& operator=(const Segment&) = delete;
    ~Segment();

    std::span<const MemoryId> ids() const { return ids_; }
    const float* vectors() const { return vectors_; }  // float[ids().size() * 384]
    const SegmentFacts& facts() const { return facts_; }

  private:
    struct Mapped;
    Segment();

    std::unique_ptr<Mapped> mapped_;
    SegmentFacts facts_;
    std::span<const MemoryId> ids_;
    const float* vectors_ = nullptr;
};

}  // namespace resonant::memory
