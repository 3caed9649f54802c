#include "resonant/search/code_search.h"

#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "resonant/base/ensure.h"

namespace resonant::search {
namespace {

constexpr std::size_t kCandidatesMax = 32'768;  // before they are looked at: 256 KiB
constexpr std::size_t kPartsMax = 256;
constexpr std::size_t kSeedRows = 512;   // their best estimates give the first threshold
constexpr std::size_t kAhead = 12;       // rows asked for before they are looked at
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::uint32_t kTaken = UINT32_MAX;  // in place of a candidate that was scored
constexpr float kNormMin = 1e-10F;  // of a query that the bounds are proved for
constexpr float kNormMax = 1e10F;
// A fine code costs as much as this many coarse codes: below such a share they are passed over.
constexpr std::size_t kFewRows = 8;
// Summed before they are walked over: few enough that what a walk asks for ahead is the next of them.
constexpr std::size_t kSummedBlocks = 2;

void ask_for(const void* bytes, std::size_t count) {
    for (std::size_t at = 0; at < count; at += 64) {
        _mm_prefetch(static_cast<const char*>(bytes) + at, _MM_HINT_T0);
    }
}

// The rows of a block that lie in [begin, end), which is in rows from the block's first.
std::uint32_t lanes_between(std::size_t begin, std::size_t end) {
    const std::uint32_t upper = end >= kBlockRows ? 0xffffU : (1U << end) - 1;
    return upper & ~((1U << std::min(begin, kBlockRows)) - 1);
}

}  // namespace

CodeSearch::CodeSearch(Kernel kernel)
    : dot_(dot_of(kernel)), kernels_(code_kernels(kernel)) {
    // Most of it is never touched, so none of it is filled: a page that is costs a first answer a fault.
    rows_ = std::make_unique_for_overwrite<std::uint32_t[]>(kCandidatesMax + kBlockRows);
    bounds_ = std::make_unique_for_overwrite<float[]>(kCandidatesMax + kBlockRows);
    parts_.reserve(kPartsMax);
    seeds_.reserve(2 * kSeedRows);
}

Status CodeSearch::begin(const float* query, std::size_t k) {
    if (!std::all_of(query, query + kDimensions, [](float number) { return std::isfinite(number); })) {
        return fail(Code::InvalidArgument, "search: the vector holds NaN or infinity; give 384 numbers");
    }
    std::copy_n(query, kDimensions, query_.begin());
    double squares = 0;
    for (std::size_t i = 0; i < kDimensions; ++i) {
        squares += double{query[i]} * double{query[i]};
    }
    norm_ = static_cast<float>(std::sqrt(squares) * 1.00001);
    is_plain_ = !(norm_ >= kNormMin && norm_ <= kNormMax);
    if (!is_plain_) {
        prepare_fine(query_.data(), fine_);
    }
    prepared_ = nullptr;
    best_.reset(k);
    parts_.clear();
    candidates_ = 0;
    seeds_.clear();
    seeds_wanted_ = std::max(kSeedRows, 2 * k);
    seeding_ = k > 0;
    damaged_ = {};
    counts_ = {};
    return {};
}

void CodeSearch::prepare(const CodedRows& rows) {
    if (prepared_ != rows.book) {
        prepared_ = rows.book;
        rows.book->prepare(dot_, query_.data(), norm_, coarse_);
    }
    coarse_.slack = slack_of(coarse_, rows.code_norm, rows.row_norm);
}

void CodeSearch::scan(const CodedRows& rows, const RowChoice& choice) {
    const std::size_t end = std::min(choice.end, rows.ids.size());
    if (choice.begin >= end || !damaged_.empty()) {
        return;
    }
    if (parts_.size() == kPartsMax) {
        look_at_candidates();
        parts_.clear();
    }
    parts_.push_back({rows, choice.without, choice.gone, candidates_});
    if (rows.book == nullptr || is_plain_) {
        scan_plain(rows, choice);
        return;
    }
    prepare(rows);
    RowChoice bounded = choice;
    bounded.end = end;
    if (choice.masks != nullptr && choice.likely < (end - choice.begin) / kFewRows) {
        scan_few(bounded);
        return;
    }
    const std::size_t whole = rows.ids.size() / kBlockRows;
    const std::size_t block_bytes = rows.book->shape().block_bytes();
    std::size_t block = choice.begin / kBlockRows;
    const std::size_t last = (end + kBlockRows - 1) / kBlockRows;
    while (block < last) {
        const std::size_t first_row = block * kBlockRows;
        const std::byte* bytes = block < whole ? rows.coarse + block * block_bytes : rows.last_block;
        const std::size_t begin = std::max(choice.begin, first_row) - first_row;
        const bool is_cut = begin != 0 || end - first_row < kBlockRows || block >= whole;
        if (seeding_ || is_cut) {
            std::uint32_t wanted = lanes_between(begin, end - first_row);
            wanted &= choice.masks == nullptr ? 0xffffU : choice.masks[block];
            if (choice.coarse_sums != nullptr) {
                const std::size_t stored = std::min(kBlockRows, rows.ids.size() - first_row) * rows.book->shape().row_bytes();
                kernels_.sum(rows.coarse + block * block_bytes, stored, *choice.coarse_sums);
            }
            if (seeding_) {
                sow(bytes, first_row, wanted);
            } else {
                const auto mask = static_cast<std::uint16_t>(wanted);
                CoarseRun run;
                run.blocks = bytes;
                run.end = 1;
                run.masks = &mask;
                walk(bytes, first_row, run);
            }
            ++block;
            continue;
        }
        const std::size_t stop = std::min(end / kBlockRows, whole);
        CoarseRun run;
        run.next = block;
        run.end = stop;
        run.masks = choice.masks;
        if (choice.coarse_sums != nullptr) {
            walk_summing(rows, run, *choice.coarse_sums);
        } else {
            walk(rows.coarse, 0, run);
        }
        block = stop;
    }
}

// Rows too few for their neighbours' coarse codes to be worth reading.
void CodeSearch::scan_few(const RowChoice& choice) {
    for (std::size_t block = choice.begin / kBlockRows; block * kBlockRows < choice.end; ++block) {
        const std::size_t first_row = block * kBlockRows;
        const std::size_t begin = std::max(choice.begin, first_row) - first_row;
        std::uint32_t left = lanes_between(begin, choice.end - first_row) & choice.masks[block];
        for (; left != 0; left &= left - 1) {
            bounds_[candidates_] = kInfinity;
            rows_[candidates_++] = static_cast<std::uint32_t>(first_row) + static_cast<std::uint32_t>(std::countr_zero(left));
        }
        if (candidates_ >= kCandidatesMax) {
            look_at_candidates();
        }
    }
}

void CodeSearch::scan_plain(const CodedRows& rows, const RowChoice& choice) {
    const Part& part = parts_.back();
    const std::size_t end = std::min(choice.end, rows.ids.size());
    for (std::size_t row = choice.begin; row < end; ++row) {
        if (choice.masks == nullptr || (choice.masks[row / kBlockRows] >> row % kBlockRows & 1) != 0) {
            score(part, static_cast<std::uint32_t>(row));
        }
    }
}

// Goes over blocks from run.next on, scoring at once what looks like an answer.
void CodeSearch::walk(const std::byte* blocks, std::size_t first_row, CoarseRun run) {
    run.blocks = blocks;
    run.rows = rows_.get();
    run.bounds = bounds_.get();
    run.capacity = kCandidatesMax + kBlockRows;
    const CoarseShape& shape = parts_.back().rows.book->shape();
    while (run.next < run.end) {
        run.threshold = best_.worst();
        run.count = candidates_;
        kernels_.walk(shape, coarse_, run);
        if (first_row != 0) {
            for (std::size_t i = candidates_; i < run.count; ++i) {
                rows_[i] += static_cast<std::uint32_t>(first_row);
            }
        }
        candidates_ = run.count;
        for (std::uint32_t left = run.hot; left != 0; left &= left - 1) {
            const auto lane = static_cast<std::size_t>(std::countr_zero(left));
            score(parts_.back(), static_cast<std::uint32_t>(first_row + (run.next - 1) * kBlockRows + lane));
        }
        if (candidates_ + kBlockRows > run.capacity) {
            look_at_candidates();
        }
    }
}

void CodeSearch::walk_summing(const CodedRows& rows, CoarseRun run, ByteSums& sums) {
    const std::size_t block_bytes = rows.book->shape().block_bytes();
    for (const std::size_t end = run.end; run.next < end; run.next = run.end) {
        run.end = std::min(run.next + kSummedBlocks, end);
        kernels_.sum(rows.coarse + run.next * block_bytes, (run.end - run.next) * block_bytes, sums);
        walk(rows.coarse, 0, run);
    }
}

// One of the first blocks: every row is a candidate, and its estimate is kept.
void CodeSearch::sow(const std::byte* block, std::size_t first_row, std::uint32_t wanted) {
    if (candidates_ >= kCandidatesMax) {
        look_at_candidates();
    }
    CoarseBounds found;
    kernels_.bounds(parts_.back().rows.book->shape(), coarse_, block, found);
    for (; wanted != 0; wanted &= wanted - 1) {
        const auto lane = static_cast<std::size_t>(std::countr_zero(wanted));
        seeds_.push_back({found.estimates[lane], static_cast<std::uint32_t>(candidates_)});
        bounds_[candidates_] = found.bounds[lane];
        rows_[candidates_++] = static_cast<std::uint32_t>(first_row + lane);
    }
    if (seeds_.size() >= seeds_wanted_) {
        settle_seeds();
    }
}

// Scores the best of the seeds, which sets the first threshold.
void CodeSearch::settle_seeds() {
    seeding_ = false;
    const std::size_t best = std::min(best_.capacity(), seeds_.size());
    std::partial_sort(seeds_.begin(), seeds_.begin() + static_cast<std::ptrdiff_t>(best), seeds_.end(),
                      [](const Seed& a, const Seed& b) { return a.estimate > b.estimate; });
    const auto part_of = [&](std::uint32_t candidate) -> const Part& {
        const auto next = std::upper_bound(parts_.begin(), parts_.end(), std::size_t{candidate},
                                           [](std::size_t at, const Part& part) { return at < part.begin; });
        return *std::prev(next);
    };
    for (std::size_t i = 0; i < best; ++i) {
        const Part& part = part_of(seeds_[i].candidate);
        ask_for(part.rows.vectors + std::size_t{rows_[seeds_[i].candidate]} * kDimensions, sizeof(Vector));
    }
    for (std::size_t i = 0; i < best; ++i) {
        const std::uint32_t candidate = seeds_[i].candidate;
        score(part_of(candidate), rows_[candidate]);
        rows_[candidate] = kTaken;
    }
}

void CodeSearch::score(const Part& part, std::uint32_t row) {
    const CodedRows& rows = part.rows;
    const RowId id = rows.ids[row];
    const float* vector = rows.vectors + std::size_t{row} * kDimensions;
    if (rows.facts != nullptr && vector_check(kernels_, vector, id) != rows.facts[row].vector_check) {
        damaged_ = rows.name;
        return;
    }
    for (const std::vector<RowId>* out : {part.without, part.gone}) {
        if (out != nullptr && std::binary_search(out->begin(), out->end(), id)) {
            return;
        }
    }
    ++counts_.vectors;
    best_.offer({dot_(query_.data(), vector), id});
}

// Looks closer at every candidate, and forgets them.
void CodeSearch::look_at_candidates() {
    if (seeding_ && !seeds_.empty()) {
        settle_seeds();
    }
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        const std::size_t end = i + 1 < parts_.size() ? parts_[i + 1].begin : candidates_;
        look_at_part(parts_[i], end);
    }
    candidates_ = 0;
    for (Part& part : parts_) {
        part.begin = 0;
    }
}

void CodeSearch::look_at_part(const Part& part, std::size_t end) {
    const CodedRows& rows = part.rows;
    std::size_t left = part.begin;  // candidates are moved up as they pass
    const float threshold = best_.worst();
    for (std::size_t i = part.begin; i < end; ++i) {
        const bool stays = !(bounds_[i] < threshold) && rows_[i] != kTaken;
        rows_[left] = rows_[i];
        left += stays ? 1 : 0;
    }
    const auto ask = [&](std::size_t i) {
        ask_for(rows.fine + std::size_t{rows_[i]} * kDimensions, kDimensions);
        ask_for(rows.facts + rows_[i], sizeof(FineFacts));
    };
    for (std::size_t i = part.begin; i < std::min(left, part.begin + kAhead); ++i) {
        ask(i);
    }
    const float error = fine_.error * rows.row_norm * 1.05F + kArithmeticSlack * norm_ * rows.row_norm;
    std::size_t last = part.begin;
    for (std::size_t i = part.begin; i < left; ++i) {
        if (i + kAhead < left) {
            ask(i + kAhead);
        }
        const std::uint32_t row = rows_[i];
        const FineFacts& facts = rows.facts[row];
        const std::uint8_t* codes = rows.fine + std::size_t{row} * kDimensions;
        if (fine_check(kernels_, codes, facts) != facts.fine_check) {
            damaged_ = rows.name;
            return;
        }
        ++counts_.fine;
        const float estimate =
            static_cast<float>(kernels_.fine(fine_, codes) - fine_.offset) * fine_.step * facts.scale;
        const float bound = estimate + facts.residual * norm_ + error;
        if (estimate > best_.worst()) {
            score(part, row);
        } else if (!(bound < best_.worst())) {
            rows_[last] = row;
            bounds_[last++] = bound;
        }
    }
    for (std::size_t i = part.begin; i < last; ++i) {
        if (!(bounds_[i] < best_.worst())) {
            score(part, rows_[i]);
        }
    }
}

Result<std::span<const Scored>> CodeSearch::finish() {
    look_at_candidates();
    if (!damaged_.empty()) {
        return fail(Code::DataLoss, "search " + std::string(damaged_) +
                                        ": a row differs from its checksum; it is rebuilt from SQLite");
    }
    return best_.sorted();
}

}  // namespace resonant::search
