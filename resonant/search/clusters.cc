#include "resonant/search/clusters.h"

#include <algorithm>
#include <cmath>

#include "resonant/search/kernels.h"

namespace resonant::search {
namespace {

constexpr std::size_t kSampleMax = 1024;
constexpr int kRounds = 8;

float cosine(const Vector& a, const Vector& b) {
    static const Dot dot = dot_of(best_kernel());  // all kernels give the same bits
    return dot(a.data(), b.data());
}

// The vectors that seeds are sought among: all, or evenly spread ones.
std::vector<const Vector*> sample_of(std::span<const Vector> vectors) {
    std::vector<const Vector*> sample;
    const std::size_t count = std::min(vectors.size(), kSampleMax);
    for (std::size_t i = 0; i < count; ++i) {
        sample.push_back(&vectors[i * vectors.size() / count]);
    }
    return sample;
}

// Adds the vector with most uncovered neighbours, again and again, until no group is left.
void add_seeds(std::span<const Vector> vectors, const ClusterLimits& limits, Centres& found) {
    const std::vector<const Vector*> sample = sample_of(vectors);
    std::vector<std::vector<std::size_t>> near(sample.size());
    for (std::size_t i = 0; i < sample.size(); ++i) {
        for (std::size_t j = 0; j < sample.size(); ++j) {
            if (cosine(*sample[i], *sample[j]) >= limits.seed_cosine) {
                near[i].push_back(j);
            }
        }
    }
    std::vector<bool> covered(sample.size());
    for (std::size_t i = 0; i < sample.size(); ++i) {
        covered[i] = assign(*sample[i], found.centres, limits.seed_cosine).cluster != kNoCluster;
    }
    // A sample stands for more vectors than it has; a group may show there with few.
    const std::size_t least =
        std::max<std::size_t>(2, limits.size_min * sample.size() / std::max<std::size_t>(1, vectors.size()));
    while (found.centres.size() < limits.clusters_max) {
        std::size_t best = 0;
        std::size_t gain_best = 0;
        for (std::size_t i = 0; i < sample.size(); ++i) {
            const auto gain = static_cast<std::size_t>(std::count_if(
                near[i].begin(), near[i].end(), [&](std::size_t j) { return !covered[j]; }));
            if (gain > gain_best) {
                best = i;
                gain_best = gain;
            }
        }
        if (gain_best < least) {
            return;
        }
        for (const std::size_t j : near[best]) {
            covered[j] = true;
        }
        found.centres.push_back(*sample[best]);
        found.origin.push_back(kNoCluster);
    }
}

// One round of k-means. Centres with fewer than size_min members vanish.
void refine(std::span<const Vector> vectors, const ClusterLimits& limits, Centres& found) {
    std::vector<std::array<double, kDimensions>> sums(found.centres.size());
    std::vector<std::size_t> counts(found.centres.size());
    for (const Vector& vector : vectors) {
        const Assigned at = assign(vector, found.centres, limits.member_cosine);
        if (at.cluster == kNoCluster) {
            continue;
        }
        ++counts[at.cluster];
        for (std::size_t d = 0; d < kDimensions; ++d) {
            sums[at.cluster][d] += double{vector[d]};
        }
    }
    Centres kept;
    for (std::size_t i = 0; i < sums.size(); ++i) {
        double square = 0;
        for (const double value : sums[i]) {
            square += value * value;
        }
        if (counts[i] < limits.size_min || square < 1e-12) {
            continue;
        }
        Vector centre;
        for (std::size_t d = 0; d < kDimensions; ++d) {
            centre[d] = static_cast<float>(sums[i][d] / std::sqrt(square));
        }
        kept.centres.push_back(centre);
        kept.origin.push_back(found.origin[i]);
    }
    found = std::move(kept);
}

}  // namespace

Assigned assign(const Vector& vector, std::span<const Vector> centres, float cosine_min) {
    Assigned best{kNoCluster, cosine_min};
    for (std::size_t i = 0; i < centres.size(); ++i) {
        const float score = cosine(vector, centres[i]);
        if (score > best.cosine || (best.cluster == kNoCluster && score >= cosine_min)) {
            best = {i, score};
        }
    }
    return best;
}

Centres find_centres(std::span<const Vector> vectors, std::span<const Vector> starts,
                     const ClusterLimits& limits) {
    Centres found;
    for (std::size_t i = 0; i < std::min(starts.size(), limits.clusters_max); ++i) {
        found.centres.push_back(starts[i]);
        found.origin.push_back(i);
    }
    if (vectors.empty()) {
        return {};
    }
    add_seeds(vectors, limits, found);
    for (int round = 0; round < kRounds; ++round) {
        refine(vectors, limits, found);
    }
    return found;
}

}  // namespace resonant::search
