#include "resonant/memory/word_scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "resonant/base/ensure.h"

namespace resonant::memory {
namespace {

// Okapi BM25, as FTS5 has it.
constexpr double kSaturation = 1.2;  // k1
constexpr double kLength = 0.75;     // b
constexpr double kRarityMin = 1e-6;  // of a word that more than half of the memories have

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
    for (const sql::TermPosting& each : postings.postings) {
        ids.push_back(static_cast<MemoryId>(each.row));
    }
    std::ranges::sort(ids);
    const auto doubles = std::ranges::unique(ids);
    ids.erase(doubles.begin(), doubles.end());
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
    const std::span<const sql::TermPosting> all = postings.postings;
    for (std::size_t from = 0; from < all.size();) {
        const std::uint32_t term = all[from].term;
        RESONANT_ENSURE(term < words, "word scores: a term is a word of the question");
        const auto end = std::ranges::find_if(all.begin() + static_cast<std::ptrdiff_t>(from), all.end(),
                                              [&](const sql::TermPosting& each) { return each.term != term; });
        const auto until = static_cast<std::size_t>(end - all.begin());
        const auto having = static_cast<double>(until - from);
        const double rarity = std::max(kRarityMin, std::log((rows - having + 0.5) / (having + 0.5)));
        for (std::size_t at = 0; from < until; ++from) {
            while (made.ids_[at] != static_cast<MemoryId>(all[from].row)) {
                ++at;
            }
            const double count = double{all[from].weight};
            const double stretch = kSaturation * (1 - kLength + kLength * lengths[at] / mean);
            const auto score = static_cast<float>(rarity * count * (kSaturation + 1) / (count + stretch));
            made.scores_[at * words + term] = score;
            made.best_[term] = std::max(made.best_[term], score);
        }
    }
    return made;
}

}  // namespace resonant::memory
