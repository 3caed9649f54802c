#include "resonant/memory/word_scores.h"

#include <algorithm>
#include <numeric>

#include "resonant/base/ensure.h"

namespace resonant::memory {

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

std::vector<Scored> WordScores::top(std::size_t count) const {
    TopK best(count);
    for (std::size_t i = 0; i < ids_.size(); ++i) {
        const std::span<const float> scores = at(i);
        best.offer({std::accumulate(scores.begin(), scores.end(), 0.0F), ids_[i]});
    }
    return best.take();
}

}  // namespace resonant::memory
