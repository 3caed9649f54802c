// Clusters are groups of vectors that lie close together: found where they are densest, refined by
// spherical k-means. What lies close to no group belongs to none.
//
// Any thread; no state. Equal input gives equal output, on every processor.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "resonant/base/vector.h"

namespace resonant::search {

struct ClusterLimits {
    std::size_t clusters_max = 32;
    std::size_t size_min = 3;
    float seed_cosine = 0.45F;    // how near a neighbour must be to count as one when seeds are sought
    float member_cosine = 0.35F;  // how near its centre a member must be
};

inline constexpr std::size_t kNoCluster = static_cast<std::size_t>(-1);

// Unit-length centres of the clusters of `vectors` (unit length). `starts`: centres of a former
// run; each that still has size_min members keeps its place, index for index, so that clusters last
// (`origin[i]` is the index of the start that centre i came from, or kNoCluster).
// Cost: a sample of 1,024 pairwise, then 8 rounds over all.
struct Centres {
    std::vector<Vector> centres;
    std::vector<std::size_t> origin;
};
Centres find_centres(std::span<const Vector> vectors, std::span<const Vector> starts,
                     const ClusterLimits& limits);

// The nearest centre that is near enough, and its cosine; kNoCluster when none is.
struct Assigned {
    std::size_t cluster = kNoCluster;
    float cosine = 0;
};
Assigned assign(const Vector& vector, std::span<const Vector> centres, float cosine_min);

}  // namespace resonant::search
