#include "resonant/memory/retention.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace resonant::memory {
namespace {

constexpr double kHalfLifeNs = 30.0 * 86400e9;
constexpr double kRecallsFull = 20;
constexpr double kLinksFull = 5;
constexpr std::array<double, kZones + 1> kBorders = {0, 0.15, 0.40, 0.65, 0.85, 2};

}  // namespace

double retention(const Worth& worth) {
    if (worth.is_protected) {
        return 1;
    }
    const double unused = std::max(0.0, static_cast<double>(worth.unused_ns));
    const double recency = std::exp2(-unused / kHalfLifeNs);
    const double recall = std::min(1.0, std::log1p(worth.recalls) / std::log1p(kRecallsFull));
    const double links = std::clamp(worth.link_weights / kLinksFull, 0.0, 1.0);
    const double importance = std::clamp(worth.importance, 0.0, 1.0);
    return 0.40 * importance + 0.30 * recency + 0.20 * recall + 0.10 * links;
}

double distance_of(const Worth& worth) { return std::round((1 - retention(worth)) * 1e4) / 1e4; }

Zone zone_at(double distance) {
    std::size_t zone = 0;
    while (zone + 1 < kZones && distance >= kBorders[zone + 1]) {
        ++zone;
    }
    return static_cast<Zone>(zone);
}

Ring ring_of(Zone zone) {
    const auto at = static_cast<std::size_t>(zone);
    return {kBorders[at], kBorders[at + 1]};
}

}  // namespace resonant::memory
