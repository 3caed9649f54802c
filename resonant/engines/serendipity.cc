#include "resonant/engines/serendipity.h"

#include <algorithm>

namespace resonant::engines {
namespace {

constexpr std::uint8_t kFirstZone = 2;  // mid band
constexpr std::uint16_t kBridgeLinks = 3;

struct Worth {
    double score = 0;
    std::uint64_t id = 0;
    std::uint8_t kind = 0;

    bool operator<(const Worth& other) const {
        return score != other.score ? score > other.score : id < other.id;
    }
};

}  // namespace

Result<Batch> Serendipity::observe(const Look& look) {
    const auto galactic = look.outputs.newest("galactic");
    if (galactic == nullptr) {
        return fail(Code::Conflict, "serendipity: galactic has published nothing yet; run it first");
    }
    RESONANT_ASSIGN(const auto ids, galactic->batch.u64("memory_id"));
    RESONANT_ASSIGN(const auto distances, galactic->batch.f64("distance"));
    RESONANT_ASSIGN(const auto zones, galactic->batch.u8("zone"));
    RESONANT_ASSIGN(const auto importances, galactic->batch.f64("importance"));
    RESONANT_ASSIGN(const auto links, galactic->batch.u16("links"));
    RESONANT_ASSIGN(const auto useless, survey_.useless(look.now.count - kRest.count));
    std::vector<Worth> found;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (zones[i] < kFirstZone || std::ranges::binary_search(useless, ids[i])) {
            continue;
        }
        const double ties = links[i];
        found.push_back({distances[i] * importances[i] * (1 + ties / (ties + 3)), ids[i],
                         links[i] >= kBridgeLinks ? Bridging : Dormant});
    }
    const std::size_t count = std::min(found.size(), kRowsMax);
    std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count), found.end());
    std::vector<std::uint64_t> best;
    std::vector<double> scores;
    std::vector<std::uint8_t> kinds;
    for (std::size_t i = 0; i < count; ++i) {
        best.push_back(found[i].id);
        scores.push_back(found[i].score);
        kinds.push_back(found[i].kind);
    }
    return Batch::make(
        {{"memory_id", std::move(best)}, {"score", std::move(scores)}, {"kind", std::move(kinds)}});
}

}  // namespace resonant::engines
