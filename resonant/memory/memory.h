// A Memory is one thing worth remembering, and what the store knows about it.
//
// Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/vector.h"

namespace resonant::memory {

using MemoryId = std::uint64_t;  // on the wire a string: "m42"

enum class Zone : std::uint8_t { Core, InnerRim, MidBand, OuterRim, FarEdge };

struct Memory {
    MemoryId id = 0;
    std::string title;
    std::string content;
    std::string type = "note";  // note|fact|decision|task|code|pattern|narrative
    std::vector<std::string> tags;
    double importance = 0.5;  // 0..1
    bool is_protected = false;
    bool is_private = false;
    bool is_archived = false;
    std::string source;
    std::string session;
    std::string galaxy = "default";
    std::string owner;  // principal that stored it
    std::int64_t created_ns = 0;
    std::int64_t updated_ns = 0;
    std::int64_t accessed_ns = 0;
    std::uint32_t access_count = 0;
    std::uint32_t version = 1;
    double distance = 0.5;  // galactic distance 0..1
    std::uint16_t constellation = 0;
    std::uint8_t predecessor_family = 0;  // resonance at the time of storing
    std::uint8_t phase = 0;
    std::uint8_t posture = 0;
    bool has_vector = false;

    Zone zone() const;
};

// What one memory may hold; more is InvalidArgument.
inline constexpr std::size_t kContentMax = 1024 * 1024;  // bytes
inline constexpr std::size_t kTitleMax = 1024;           // bytes
inline constexpr std::size_t kTagMax = 128;              // bytes
inline constexpr std::size_t kTagsMax = 64;

struct Filter {
    std::vector<std::string> tags;  // all of them
    std::string type;
    std::optional<Zone> zone;
    std::string galaxy = "default";        // empty: all of them
    std::optional<std::int64_t> since_ns;  // of created_ns, both ends included
    std::optional<std::int64_t> until_ns;
    bool include_archived = false;
    bool include_private = false;
    std::optional<bool> is_protected;
};

struct Hit {
    Memory memory;
    double score = 0;  // higher is better; what it means is in `reasons`
    std::vector<std::string>
        reasons;  // "words: bm25 7.1", "meaning: cosine 0.62", "link: extends m7"
};

// "m42" and back; nullopt for anything else.
std::string wire_id(MemoryId id);
std::optional<MemoryId> parse_id(std::string_view text);
std::string_view name_of(Zone zone);  // "core", "inner_rim", ...
std::optional<Zone> find_zone(std::string_view name);

}  // namespace resonant::memory
