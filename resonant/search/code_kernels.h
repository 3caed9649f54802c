// The integer arithmetic of coded vectors, one kernel an instruction set: coarse codes of 16 rows at once, fine codes
// of one row, and checksums.
//
// Any thread.
//
// Invariants:
//   (1) Integers and checksums are equal on every kernel. Estimates and bounds may differ in their last bits; their
//       slack (CoarseQuery::slack) covers that, so ids and order never do.
//   (2) A bound that is no number counts as infinite: no row is lost to arithmetic.
//
// After: turbovec and FAISS fast scan (rows side by side in one register), Quick ADC.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "resonant/search/kernels.h"

namespace resonant::search {

inline constexpr std::size_t kBlockRows = 16;  // rows of one coarse block
inline constexpr std::size_t kLineBytes = 64;  // of one group in a block: 4 bytes a row

// How a coarse code is laid out. A block is byte_groups lines (4 directions of 8 bits a row), then nibble_groups
// lines (8 directions of 4 bits a row), then one line of half floats: 16 rounding norms, 16 remainder norms.
struct CoarseShape {
    std::size_t byte_groups = 0;
    std::size_t nibble_groups = 0;

    std::size_t lines() const { return byte_groups + nibble_groups + 1; }
    std::size_t block_bytes() const { return lines() * kLineBytes; }
    std::size_t row_bytes() const { return block_bytes() / kBlockRows; }
    std::size_t directions() const { return byte_groups * 4 + nibble_groups * 8; }
    bool operator==(const CoarseShape&) const = default;
};

// A query as the coarse codes see it. estimate = base + step * (integer product);
// bound = estimate + along * rounding norm + across * remainder norm + slack.
struct CoarseQuery {
    alignas(64) std::array<std::int8_t, kDimensions> codes{};
    alignas(64) std::array<std::int16_t, kDimensions> wide{};  // the same numbers
    float step = 0;
    float base = 0;
    float along = 0;
    float across = 0;
    float rounding = 0;  // norm of what its own rounding leaves out, a code's unit
    float norm = 0;      // of the query
    float slack = 0;     // for the rows at hand: rounding * their code norm, and what arithmetic takes
};

// A walk over blocks. Rows whose bound reaches `threshold` are appended to `rows` and `bounds`; it stops behind a block
// where an estimate beats the threshold, or when fewer than 16 places are left.
struct CoarseRun {
    const std::byte* blocks = nullptr;
    std::size_t next = 0;  // the block it goes on with
    std::size_t end = 0;
    const std::uint16_t* masks = nullptr;  // bit w of masks[b]: row 16 b + w takes part; null: all
    float threshold = 0;
    std::uint32_t* rows = nullptr;
    float* bounds = nullptr;
    std::size_t count = 0;
    std::size_t capacity = 0;
    std::uint32_t hot = 0;  // rows of block next - 1 whose estimate beats the threshold; they are not appended
};

// Estimates and bounds of the 16 rows of one block.
struct CoarseBounds {
    alignas(64) std::array<float, kBlockRows> estimates{};
    alignas(64) std::array<float, kBlockRows> bounds{};
};

// A query in 15 bits: number i is about step * wide[i], and wide = 128 high + low.
struct FineQuery {
    alignas(64) std::array<std::int8_t, kDimensions> high{};
    alignas(64) std::array<std::int8_t, kDimensions> low{};
    alignas(64) std::array<std::int16_t, kDimensions> wide{};
    std::int32_t offset = 0;  // 128 * the sum of wide: what the codes' own offset adds to a product
    float step = 0;
    float error = 0;  // norm of what the 15 bits leave out
};

// A checksum on its way, of bytes that come in pieces; only the last may be no multiple of kLineBytes.
struct ByteSums {
    alignas(64) std::array<std::uint32_t, 16> first{};
    alignas(64) std::array<std::uint32_t, 16> second{};
    std::size_t count = 0;  // of bytes
};

struct CodeKernels {
    void (*bounds)(const CoarseShape&, const CoarseQuery&, const std::byte* block, CoarseBounds&);
    void (*walk)(const CoarseShape&, const CoarseQuery&, CoarseRun&);
    // Sum of code * wide over 384 codes; `codes` of any alignment.
    std::int32_t (*fine)(const FineQuery&, const std::uint8_t* codes);
    // Any change of one 32-bit word changes it; so does nearly every other. Cost: memory speed.
    std::uint64_t (*checksum)(const std::byte* bytes, std::size_t count);
    void (*sum)(const std::byte* bytes, std::size_t count, ByteSums& sums);
};
const CodeKernels& code_kernels(Kernel kernel);

// What checksum() says of all the bytes that were summed.
std::uint64_t checksum_of(const ByteSums& sums);

// Half floats as codes hold them.
float from_half(std::uint16_t half);
// The least half float that is not below `value` (>= 0); infinity where there is none.
std::uint16_t half_above(double value);

}  // namespace resonant::search
