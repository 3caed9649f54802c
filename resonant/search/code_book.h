// A CodeBook says how vectors become codes that a search reads instead of them: a coarse code of about 100 bytes with
// a proven bound (directions of most variance first, in few bits), and a fine code of 8 bits a number.
//
// Plain value, immutable once made; any thread reads it.
//
// Invariants:
//   (1) Whatever the book and the vector, the bound of a coarse or fine code is not below the true product
//       (docs/design/004-exact-search.md has the proof). A good book makes it tight, a bad one only slow.
//   (2) The same vectors give the same book under the same kernel.
//
// After: product quantisation's coarse-to-fine search (Jégou), with Cauchy-Schwarz bounds in place of approximation.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/search/code_kernels.h"

namespace resonant::search {

// What the fine code of a row leaves out, and its checksums.
struct FineFacts {
    float scale = 0;
    float residual = 0;             // norm of the row minus its fine code
    std::uint32_t fine_check = 0;   // of fine code, scale and residual
    std::uint32_t vector_check = 0; // of vector and id
};
static_assert(sizeof(FineFacts) == 16);

// The codes of some rows. Coarse: whole blocks of 16, then what is left over as one block of as many rows.
struct Codes {
    std::vector<std::byte> coarse;     // row_bytes of the shape, a row
    std::vector<std::uint8_t> fine;    // 384 a row
    std::vector<FineFacts> facts;      // one a row
    float code_norm = 0;               // the greatest of a coarse code
    float row_norm = 0;                // the greatest of a row
};

class CodeBook {
  public:
    // The book that is likely the fastest for `all` vectors like `sample` (float[n * 384], n >= 1, finite): schemes are
    // tried on it, and the survivors of each counted. Fewer than kTrainingRowsMin rows get the plain 4-bit scheme.
    // Cost: about 0.07 s for a sample of kSampleRowsMax, next to nothing below kTrainingRowsMin.
    static CodeBook choose(std::span<const float> sample, std::size_t all);
    // 4 bits of each number / the directions of most variance in `shape`.
    static CodeBook plain(std::span<const float> sample);
    static CodeBook rotated(std::span<const float> sample, const CoarseShape& shape);

    // Its bytes, and the book of such bytes; DataLoss when they are none.
    std::vector<std::byte> bytes() const;
    static Result<CodeBook> parse(std::span<const std::byte> bytes);
    std::uint64_t id() const { return id_; }  // checksum of its bytes
    const CoarseShape& shape() const { return shape_; }
    bool is_rotated() const { return !directions_.empty(); }

    // `rows`: a float[384] for each id. InvalidArgument when a number is not finite.
    // The codes of another kernel may differ, their bounds hold all the same.
    Result<Codes> encode(std::span<const float* const> rows, std::span<const RowId> ids,
                         Kernel kernel = best_kernel()) const;
    // The same of rows that lie one behind the other, float[ids.size() * 384].
    Result<Codes> encode(std::span<const float> rows, std::span<const RowId> ids,
                         Kernel kernel = best_kernel()) const;
    // All of `out` but the slack, which depends on the rows (slack_of). `norm`: of the query, not too small.
    void prepare(Dot dot, const float* query, float norm, CoarseQuery& out) const;

  private:
    CodeBook() = default;
    // How far a sample reaches along each direction.
    struct Spread {
        std::size_t rows = 0;
        std::vector<double> squares;  // summed
        std::vector<float> greatest;
    };
    // A rotated book that has no steps yet.
    static CodeBook directed(std::span<const float> sample, const CoarseShape& shape);
    Spread spread_of(std::span<const float> sample) const;
    void measure_steps(const Spread& spread);
    void seal();
    // `vector` minus the mean, along each direction.
    void turn(Dot dot, const float* vector, float* out) const;

    CoarseShape shape_;
    std::vector<float> mean_;        // 384
    std::vector<float> directions_;  // 384 each; empty: the axes
    std::vector<float> steps_;       // width of a code's step along each direction
    std::uint64_t id_ = 0;
};

inline constexpr std::size_t kTrainingRowsMin = 4'096;
inline constexpr std::size_t kSampleRowsMax = 8'064;  // 21 * 384

// The part of the slack that arithmetic takes, for unit vectors: float sums of 384 are off by less than 3e-6.
inline constexpr float kArithmeticSlack = 2e-5F;

// Writes the incomplete last block of `lanes` rows as a whole one.
void widen_block(const CoarseShape& shape, const std::byte* narrow, std::size_t lanes, std::byte* block);

// The slack of a prepared query against rows of such norms (Codes).
inline float slack_of(const CoarseQuery& query, float code_norm, float row_norm) {
    return query.rounding * code_norm * 1.01F + kArithmeticSlack * query.norm * row_norm;
}

// The query in 15 bits.
void prepare_fine(const float* query, FineQuery& out);

// Checksums of a row, as FineFacts has them.
std::uint32_t fine_check(const CodeKernels& kernels, const std::uint8_t* codes, const FineFacts& facts);
std::uint32_t vector_check(const CodeKernels& kernels, const float* vector, RowId id);

}  // namespace resonant::search
