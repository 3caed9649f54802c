// A CodeSearch answers one question over coded rows: it reads coarse codes first, fine codes of what may still win,
// and the vectors of the last few. Ids, order and scores are those of a full float32 scan (order: Scored).
//
// Belongs to one thread; used again and again, it allocates nothing.
//
// Invariants:
//   (1) A row is left out only when a bound on its score is below the k-th best float32 score found so far, which can
//       only rise. So the answer does not depend on book, kernel, or the order of the rows.
//   (2) A row whose vector or fine code differs from its checksum is never scored: finish() is then DataLoss.
//
// Cost: proportional to the rows, about 100 bytes read of each; see ./dev bench search.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "resonant/search/code_book.h"

namespace resonant::search {

// Rows in mapped or owned memory. Everything of it stays valid until finish().
struct CodedRows {
    std::string_view name;  // of the file, for errors
    const CodeBook* book = nullptr;  // null: no codes, every vector is read
    std::span<const RowId> ids;
    const float* vectors = nullptr;       // float[ids.size() * 384]
    const std::byte* coarse = nullptr;    // whole blocks
    const std::byte* last_block = nullptr;  // the incomplete one, widened; null where there is none
    const std::uint8_t* fine = nullptr;
    const FineFacts* facts = nullptr;
    float code_norm = 0;
    float row_norm = 0;
};

// Which rows take part.
struct RowChoice {
    std::size_t begin = 0;
    std::size_t end = SIZE_MAX;
    const std::uint16_t* masks = nullptr;        // bit w of masks[b]: row 16 b + w does; null: all
    std::size_t likely = SIZE_MAX;               // how many the masks let through
    const std::vector<RowId>* without = nullptr;  // sorted ids that do not
    const std::vector<RowId>* gone = nullptr;     // nor these
    // Sums up the coarse codes as they are read, where every row takes part: the bytes come from memory once. Until
    // those are compared, nothing that was found is an answer. Left behind the column's end only if all were read.
    ByteSums* coarse_sums = nullptr;
};

class CodeSearch {
  public:
    explicit CodeSearch(Kernel kernel = best_kernel());
    CodeSearch(const CodeSearch&) = delete;
    CodeSearch& operator=(const CodeSearch&) = delete;

    // Begins a question. InvalidArgument when a number of `query` (float[384]) is not finite.
    Status begin(const float* query, std::size_t k);
    // A row that was scored elsewhere.
    void offer(Scored row) { best_.offer(row); }
    void scan(const CodedRows& rows, const RowChoice& choice = {});
    // Best first; valid until the next begin().
    Result<std::span<const Scored>> finish();
    // What the last question read: rows by fine code, and by vector.
    struct Counts {
        std::size_t fine = 0;
        std::size_t vectors = 0;
    };
    const Counts& counts() const { return counts_; }

  private:
    struct Part {
        CodedRows rows;
        const std::vector<RowId>* without = nullptr;
        const std::vector<RowId>* gone = nullptr;
        std::size_t begin = 0;  // its first candidate
    };
    struct Seed {
        float estimate = 0;
        std::uint32_t candidate = 0;
    };

    void prepare(const CodedRows& rows);
    void scan_plain(const CodedRows& rows, const RowChoice& choice);
    void scan_few(const RowChoice& choice);
    void walk(const std::byte* blocks, std::size_t first_row, CoarseRun run);
    void walk_summing(const CodedRows& rows, CoarseRun run, ByteSums& sums);
    void sow(const std::byte* block, std::size_t first_row, std::uint32_t wanted);
    void settle_seeds();
    void look_at_candidates();
    void look_at_part(const Part& part, std::size_t end);
    void score(const Part& part, std::uint32_t row);

    const Dot dot_;
    const CodeKernels& kernels_;
    alignas(64) Vector query_{};
    float norm_ = 0;
    bool is_plain_ = false;  // the query's length is beyond what the bounds are proved for
    FineQuery fine_;
    CoarseQuery coarse_;
    const CodeBook* prepared_ = nullptr;
    TopK best_{0};
    std::vector<Part> parts_;
    std::unique_ptr<std::uint32_t[]> rows_;  // candidates, of all parts
    std::unique_ptr<float[]> bounds_;
    std::size_t candidates_ = 0;
    std::vector<Seed> seeds_;
    std::size_t seeds_wanted_ = 0;
    bool seeding_ = true;
    std::string_view damaged_;
    Counts counts_;
};

}  // namespace resonant::search
