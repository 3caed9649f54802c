// WordScores say which words of a question stand in which memories, and how much each is worth there (bm25, one
// word at a time): so that a word counts once, where it was told, and not once more for each memory beside.
//
// Plain values, read by any thread; filled by Store::word_scores().
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "resonant/memory/kernels.h"
#include "resonant/memory/memory.h"

namespace resonant::memory {

class WordScores {
  public:
    WordScores() = default;
    explicit WordScores(std::size_t words) : words_(words), best_(words) {}

    // `scores`: one for each word of the question. Ids come in ascending order.
    void add(MemoryId id, std::span<const float> scores);

    std::size_t words() const { return words_; }
    std::size_t memories() const { return ids_.size(); }
    // Of each word in this memory; empty when it has none of them. O(log memories).
    std::span<const float> of(MemoryId id) const;
    // Their sum: bm25.
    double sum(MemoryId id) const;
    // The most that each word is worth in any memory.
    std::span<const float> best() const { return best_; }
    // The memories that have most, best first.
    std::vector<Scored> top(std::size_t count) const;

  private:
    std::span<const float> at(std::size_t i) const { return std::span(scores_).subspan(i * words_, words_); }

    std::size_t words_ = 0;
    std::vector<MemoryId> ids_;
    std::vector<float> scores_;  // words_ of each id
    std::vector<float> best_;
};

}  // namespace resonant::memory
