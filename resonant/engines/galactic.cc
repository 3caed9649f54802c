#include "resonant/engines/galactic.h"

#include <algorithm>

#include "resonant/memory/retention.h"

namespace resonant::engines {

Result<Batch> Galactic::observe(const Look& look) {
    RESONANT_ASSIGN(const std::vector<memory::Placed> places, survey_.places(kRowsMax));
    std::vector<std::uint64_t> ids;
    std::vector<double> distances;
    std::vector<double> importances;
    std::vector<double> days;
    std::vector<std::uint8_t> zones;
    std::vector<std::uint16_t> constellations;
    std::vector<std::uint16_t> links;
    for (const memory::Placed& place : places) {
        ids.push_back(place.id);
        distances.push_back(place.distance);
        zones.push_back(static_cast<std::uint8_t>(memory::zone_at(place.distance)));
        importances.push_back(place.importance);
        constellations.push_back(place.constellation);
        days.push_back(std::max(0.0, Nanos{look.now.count - place.used_ns}.seconds() / 86'400));
        links.push_back(static_cast<std::uint16_t>(std::min<std::uint32_t>(place.links, 65'535)));
    }
    return Batch::make({{"memory_id", std::move(ids)},
                        {"distance", std::move(distances)},
                        {"zone", std::move(zones)},
                        {"importance", std::move(importances)},
                        {"constellation", std::move(constellations)},
                        {"days_unused", std::move(days)},
                        {"links", std::move(links)}});
}

}  // namespace resonant::engines
