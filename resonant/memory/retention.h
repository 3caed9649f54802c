// Retention says how much a memory is worth keeping near, 0 to 1. Its distance from the core is
// 1 - retention, and the distance decides the Zone. There is this one formula and no other:
//
//   recency   = 0.5 ^ (days since it was last stored, changed or read / 30)
//   recall    = min(1, ln(1 + times read) / ln(21))
//   links     = min(1, sum of the weights of its links / 5)
//   retention = 0.40 importance + 0.30 recency + 0.20 recall + 0.10 links
//
// A protected memory has retention 1; an archived one lies at kArchivedDistance whatever it is
// worth.
//
// Any thread; plain values.
#pragma once

#include <cstddef>
#include <cstdint>

#include "resonant/memory/memory.h"

namespace resonant::memory {

inline constexpr std::size_t kZones = 5;
inline constexpr double kArchivedDistance = 0.95;

struct Worth {
    double importance = 0.5;
    std::int64_t unused_ns = 0;  // since it was last stored, changed or read
    std::uint32_t recalls = 0;
    double link_weights = 0;
    bool is_protected = false;
};

double retention(const Worth& worth);
// 1 - retention, to four decimals, so that equal worth gives an equal place.
double distance_of(const Worth& worth);
// [0, .15) core, [.15, .40) inner rim, [.40, .65) mid band, [.65, .85) outer rim, [.85, 1] far
// edge.
Zone zone_at(double distance);
// The distances of a zone: `from` included, `to` excluded (2 for the last, to take 1 in).
struct Ring {
    double from = 0;
    double to = 0;
};
Ring ring_of(Zone zone);

}  // namespace resonant::memory
