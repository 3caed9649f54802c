// WordScores say which words of a question stand in which memories, and how much each is worth there (bm25, one
// word at a time): so that a word counts once, where it was told, and not once more for each memory beside.
//
// Plain values, read by any thread; filled by Store::word_scores(), which has all memories in it, and says by settle()
// which of them are let through, as far as somebody needs to know: ask only for those that you may see.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "resonant/search/kernels.h"
#include "resonant/memory/memory.h"
#include "resonant/sql/term_postings.h"

namespace resonant::memory {

class WordScores {
  public:
    WordScores() = default;
    explicit WordScores(std::size_t words) : words_(words), best_(words) {}

    // `scores`: one for each word of the question. Ids come in ascending order.
    void add(MemoryId id, std::span<const float> scores);
    // Finds what follows among those that are let through; none is asked about twice.
    using Check = std::function<Result<bool>(MemoryId)>;
    Status settle(std::size_t count, const Check& lets_through);

    std::size_t words() const { return words_; }
    std::size_t memories() const { return ids_.size(); }
    // Of each word in this memory; empty when it has none of them. O(log memories).
    std::span<const float> of(MemoryId id) const;
    // Their sum: bm25.
    double sum(MemoryId id) const;
    // The most that each word is worth in any memory.
    std::span<const float> best() const { return best_; }
    // The memories that have most, best first; as many as settle() was asked for.
    std::span<const search::Scored> top() const { return top_; }
    // The ids that postings name, each once, in ascending order.
    static std::vector<MemoryId> ids_of(const sql::TermPostings& postings);
    // Out of postings and the tokens of each of their ids_of().
    static WordScores of(const sql::TermPostings& postings, std::size_t words, std::vector<MemoryId> ids,
                         std::span<const std::uint32_t> lengths);

  private:
    std::span<const float> at(std::size_t i) const { return std::span(scores_).subspan(i * words_, words_); }

    std::size_t words_ = 0;
    std::vector<MemoryId> ids_;
    std::vector<float> scores_;  // words_ of each id
    std::vector<float> best_;
    std::vector<search::Scored> top_;
};

}  // namespace resonant::memory
