#include "resonant/memory/memory.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "resonant/memory/retention.h"

namespace resonant::memory {
namespace {

constexpr std::array<std::string_view, kZones> kZoneNames = {"core", "inner_rim", "mid_band",
                                                             "outer_rim", "far_edge"};

}  // namespace

Zone Memory::zone() const { return zone_at(distance); }

std::string wire_id(MemoryId id) { return "m" + std::to_string(id); }

std::optional<MemoryId> parse_id(std::string_view text) {
    if (text.size() < 2 || text.front() != 'm' || text[1] == '0') {
        return std::nullopt;
    }
    MemoryId id = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + 1, end, id);
    // SQLite's row ids are signed.
    constexpr auto kIdMax = static_cast<MemoryId>(std::numeric_limits<std::int64_t>::max());
    if (error != std::errc() || stop != end || id > kIdMax) {
        return std::nullopt;
    }
    return id;
}

std::string_view name_of(Zone zone) { return kZoneNames[static_cast<std::size_t>(zone)]; }

std::optional<Zone> find_zone(std::string_view name) {
    const auto found = std::find(kZoneNames.begin(), kZoneNames.end(), name);
    if (found == kZoneNames.end()) {
        return std::nullopt;
    }
    return static_cast<Zone>(found - kZoneNames.begin());
}

}  // namespace resonant::memory
