#include "resonant/memory/fusion.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace resonant::memory {
namespace {

constexpr double kWords = 0.4;
constexpr double kMeaning = 0.6;
constexpr double kLink = 0.05;
constexpr double kCosineLeast = 0.3;

struct Best {
    double words = 0;
    double cosine = 0;
};

Best best_of(std::span<const Candidate> candidates) {
    Best best;
    for (const Candidate& each : candidates) {
        best.words = std::max(best.words, each.words.value_or(0));
        best.cosine = std::max(best.cosine, each.cosine.value_or(0));
    }
    return best;
}

Fused weigh(const Candidate& candidate, const Best& best) {
    Fused fused{candidate.id, 0, {}};
    if (candidate.words && best.words > 0) {
        fused.score += (best.cosine > 0 ? kWords : 1) * *candidate.words / best.words;
        fused.reasons.push_back(fmt::format("words: bm25 {:.2f}", *candidate.words));
    }
    if (candidate.cosine && *candidate.cosine > 0) {
        fused.score += (best.words > 0 ? kMeaning : 1) * *candidate.cosine /
                       std::max(best.cosine, kCosineLeast);
        fused.reasons.push_back(fmt::format("meaning: cosine {:.2f}", *candidate.cosine));
    }
    return fused;
}

// The strongest link of each candidate to another one, seen from it.
std::map<MemoryId, Edge> strongest_links(std::span<const Edge> edges) {
    std::map<MemoryId, Edge> strongest;
    const auto offer = [&](MemoryId at, MemoryId other, const Edge& edge) {
        const auto known = strongest.find(at);
        if (known == strongest.end() || known->second.weight < edge.weight) {
            strongest[at] = {at, other, edge.type, edge.weight};
        }
    };
    for (const Edge& edge : edges) {
        offer(edge.from, edge.to, edge);
        offer(edge.to, edge.from, edge);
    }
    return strongest;
}

}  // namespace

std::vector<Fused> fuse(std::span<const Candidate> candidates, std::span<const Edge> edges) {
    const Best best = best_of(candidates);
    const auto links = strongest_links(edges);
    std::vector<Fused> fused;
    for (const Candidate& candidate : candidates) {
        Fused next = weigh(candidate, best);
        if (const auto link = links.find(candidate.id); link != links.end()) {
            next.score += kLink * link->second.weight;
            next.reasons.push_back("link: " + link->second.type + " " + wire_id(link->second.to));
        }
        fused.push_back(std::move(next));
    }
    std::sort(fused.begin(), fused.end(), [](const Fused& a, const Fused& b) {
        return a.score != b.score ? a.score > b.score : a.id < b.id;
    });
    return fused;
}

}  // namespace resonant::memory
