// Fusion makes one order out of three: words (bm25), meaning (cosine) and links.
//
//   score = 0.4 words / best words + 0.6 max(0, cosine) / max(best cosine, 0.3) + 0.05 link
//
// where `link` is the weight of the strongest link to another candidate. A cosine below 0.3 says
// little, so a poor best one is not blown up to 1. Without any vectors the words stand alone, and
// without words the meaning does.
//
// Any thread; plain values.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "resonant/memory/data_sea.h"

namespace resonant::memory {

struct Candidate {
    MemoryId id = 0;
    std::optional<double> words;  // bm25, greater is better
    std::optional<double> cosine;
};

struct Fused {
    MemoryId id = 0;
    double score = 0;
    std::vector<std::string> reasons;
};

// Best first, ties by id.
std::vector<Fused> fuse(std::span<const Candidate> candidates, std::span<const Edge> edges);

}  // namespace resonant::memory
