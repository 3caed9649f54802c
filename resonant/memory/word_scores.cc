#include "resonant/memory/word_scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <ranges>

#include "resonant/base/ensure.h"

namespace resonant::memory {
namespace {

// Okapi BM25, as FTS5 has it.
constexpr double kSaturation = 1.2;  // k1
constexpr double kLength = 0.75;     // b
constexpr double kRarityMin = 1e-6;  // of a word that more than half of the memories have

using Run = std::span<const sql::TermPosting>;  // of one term, by row

std::vector<Run> runs_of(const sql::TermPostings& postings) {
    std::vector<Run> runs;
    for (Run left = postings.postings; !left.empty();) {
        const auto other = std::ranges::find_if(left, [&](const sql::TermPosting& each) { return each.term != left.front().term; });
        runs.push_back(left.first(static_cast<std::size_t>(other - left.begin())));
        left = left.subspan(runs.back().size());
    }
    return runs;
}

// Calls `row` for each row that any run has, in ascending order, and `posting` for each that it has.
template <typename Row, typename Posting>
void walk(std::vector<Run> runs, const Row& row, const Posting& posting) {
    while (!runs.empty()) {
        const auto first = [](const Run& run) { return run.front().row; };
        const std::int64_t least = std::ranges::min(runs, {}, first).front().row;
        row(least);
        for (Run& run : runs) {
            if (run.front().row == least) {
                posting(run.front());
                run = run.subspan(1);
            }
        }
        std::erase_if(runs, [](const Run& run) { return run.empty(); });
    }
}

}  // namespace

void WordScores::add(MemoryId id, std::span<const float> scores) {
    RESONANT_ENSURE(scores.size() == words_, "word scores: one for each word of the question");
    RESONANT_ENSURE(ids_.empty() || ids_.back() < id, "word scores: ids come in ascending order");
    ids_.push_back(id);
    scores_.insert(scores_.end(), scores.begin(), scores.end());
    for (std::size_t i = 0; i < words_; ++i) {
        best_[i] = std::max(best_[i], scores[i]);
    }
}

std::span<const float> WordScores::of(MemoryId id) const {
    const auto found = std::lower_bound(ids_.begin(), ids_.end(), id);
    if (found == ids_.end() || *found != id) {
        return {};
    }
    return at(static_cast<std::size_t>(found - ids_.begin()));
}

double WordScores::sum(MemoryId id) const {
    const std::span<const float> scores = of(id);
    return std::accumulate(scores.begin(), scores.end(), 0.0);
}

Status WordScores::settle(std::size_t count, const Check& lets_through) {
    enum class Known : std::uint8_t { No, LetThrough, Refused };
    std::vector<Known> known(ids_.size());
    // The first `wanted` of `rows` (by number) that are let through.
    const auto first = [&](std::vector<search::Scored> rows, std::size_t wanted) -> Result<std::vector<search::Scored>> {
        const auto is_after = [](const search::Scored& a, const search::Scored& b) { return b < a; };
        std::ranges::make_heap(rows, is_after);
        std::vector<search::Scored> found;
        while (!rows.empty() && found.size() < wanted) {
            std::ranges::pop_heap(rows, is_after);
            Known& here = known[rows.back().id];
            if (here == Known::No) {
                RESONANT_ASSIGN(const bool passes, lets_through(ids_[rows.back().id]));
                here = passes ? Known::LetThrough : Known::Refused;
            }
            if (here == Known::LetThrough) {
                found.push_back(rows.back());
            }
            rows.pop_back();
        }
        return found;
    };
    std::vector<search::Scored> sums;
    sums.reserve(ids_.size());
    for (std::size_t i = 0; i < ids_.size(); ++i) {
        const std::span<const float> scores = at(i);
        sums.push_back({std::accumulate(scores.begin(), scores.end(), 0.0F), i});
    }
    RESONANT_ASSIGN(top_, first(std::move(sums), count));
    for (search::Scored& each : top_) {
        each.id = ids_[each.id];
    }
    for (std::size_t word = 0; word < words_; ++word) {
        std::vector<search::Scored> having;
        having.reserve(ids_.size());
        for (std::size_t i = 0; i < ids_.size(); ++i) {
            if (at(i)[word] > 0) {
                having.push_back({at(i)[word], i});
            }
        }
        RESONANT_ASSIGN(const auto most, first(std::move(having), 1));
        best_[word] = most.empty() ? 0 : most.front().score;
    }
    return {};
}

std::vector<MemoryId> WordScores::ids_of(const sql::TermPostings& postings) {
    std::vector<MemoryId> ids;
    ids.reserve(postings.postings.size());
    walk(runs_of(postings), [&](std::int64_t row) { ids.push_back(static_cast<MemoryId>(row)); },
         [](const sql::TermPosting&) {});
    return ids;
}

WordScores WordScores::of(const sql::TermPostings& postings, std::size_t words, std::vector<MemoryId> ids,
                          std::span<const std::uint32_t> lengths) {
    RESONANT_ENSURE(ids.size() == lengths.size(), "word scores: a length for each memory");
    WordScores made(words);
    made.ids_ = std::move(ids);
    made.scores_.resize(made.ids_.size() * words);
    const auto rows = static_cast<double>(postings.rows);
    const double mean = std::max(1.0, static_cast<double>(postings.tokens) / std::max(1.0, rows));
    const std::vector<Run> runs = runs_of(postings);
    std::vector<double> rarities(words);
    for (const Run& run : runs) {
        RESONANT_ENSURE(run.front().term < words, "word scores: a term is a word of the question");
        const auto having = static_cast<double>(run.size());
        rarities[run.front().term] = std::max(kRarityMin, std::log((rows - having + 0.5) / (having + 0.5)));
    }
    std::size_t next = 0;
    double stretch = 0;
    walk(runs,
         [&](std::int64_t row) {
             RESONANT_ENSURE(next < made.ids_.size() && made.ids_[next] == static_cast<MemoryId>(row),
                             "word scores: the ids are those of the postings");
             stretch = kSaturation * (1 - kLength + kLength * lengths[next++] / mean);
         },
         [&](const sql::TermPosting& each) {
             const double count = double{each.weight};
             const auto score = static_cast<float>(rarities[each.term] * count * (kSaturation + 1) / (count + stretch));
             made.scores_[(next - 1) * words + each.term] = score;
             made.best_[each.term] = std::max(made.best_[each.term], score);
         });
    return made;
}

}  // namespace resonant::memory
