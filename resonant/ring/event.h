// An Event is what travels on the ring: a type, who sent it, how sure, four numbers and perhaps a
// name. Never memory text, never arguments.
//
// Plain values.
//
// Invariants:
//   (1) The number of a type is its wire form within a version of the ring; docs/formats/ring.md
//       lists them all, and a test compares.
//   (2) An event without a name takes 56 bytes on the ring, one with a name 104.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace resonant::ring {

// Dense event types; the number is the wire form. Names as in the catalogue of the earlier system.
// clang-format off
enum class EventType : std::uint16_t {
    None = 0,
    SystemStarted, SystemStopped, SystemHealthChanged,
    ToolCalled, ToolCompleted, ToolDenied, ErrorOccurred,
    MemoryCreated, MemoryUpdated, MemoryAccessed, MemoryArchived, MemoryRestored, MemoryErased,
    MemoryMoved,
    CircuitOpened, CircuitHalfOpen, CircuitClosed, LimitReached,
    BoundaryViolated, WarningIssued, InterventionTriggered,
    ConsentRequested, ConsentGranted, ConsentRefused, ConsentRevoked,
    SessionStarted, SessionCheckpoint, SessionEnded,
    MonitorSpawned, MonitorTriggered, MonitorStopped, ReasonerTaken, ReasonerResolved,
    ExecutorStarted, ExecutorCompleted,
    AgentRegistered, AgentSuspended, AgentResumed,
    RulesReloaded, MaturityChanged, BoardFieldChanged, LifecycleSwept, IndexCaughtUp,
    DreamStarted, DreamCompleted, SerendipitySurfaced, EmergenceDetected,
    UpstreamChanged,
    Custom,  // event.publish: the name's hash is in data[0]
    Count,
};
// clang-format on

enum class Lane : std::uint8_t { Fast, Medium, Slow };

struct Event {
    EventType type = EventType::None;
    Lane lane = Lane::Medium;
    std::uint32_t source = 0;  // FNV-1a hash of the sender's name, folded to 32 bits
    float confidence = 1.0F;
    std::uint32_t tool = 0;               // tool id + 1, 0 for none
    std::int64_t at_ns = 0;               // coarse wall clock
    std::array<std::uint64_t, 4> data{};  // by type: ids, durations, counts
    std::array<char, 48> name{};          // custom events: their name, cut, zero-terminated
};

std::string_view name_of(EventType type);  // "tool_completed"; "none" for numbers beyond the table
std::string_view name_of(Lane lane);       // "fast", "medium", "slow"
std::optional<EventType> find_event(std::string_view name);
Lane lane_of(EventType type);
std::uint32_t source_hash(std::string_view sender);
// Puts a custom event's name in its place, cut to 47 bytes at a whole UTF-8 character.
void set_name(Event& event, std::string_view name);
std::string_view name_in(const Event& event);

// The event as the words of a slot's body: plain events have kPlainWords, named ones kNamedWords.
inline constexpr std::size_t kPlainWords = 7;
inline constexpr std::size_t kNamedWords = 13;

// How many words the first one announces.
inline std::size_t words_of(std::uint64_t first_word) {
    return (first_word >> 24 & 0xFF) == 0 ? kPlainWords : kNamedWords;
}

// Gives each word of the event to `put(i, word)`. One word at a time, without a stop in an array:
// words that are stored singly and loaded again in pairs wait for each other, which doubles the
// cost.
template <typename Put>
inline void pack(const Event& event, const Put& put) {
    const bool named = event.name[0] != '\0';
    put(0, static_cast<std::uint64_t>(event.type) | static_cast<std::uint64_t>(event.lane) << 16 |
               static_cast<std::uint64_t>(named) << 24 |
               static_cast<std::uint64_t>(event.source) << 32);
    put(1, std::bit_cast<std::uint32_t>(event.confidence) | static_cast<std::uint64_t>(event.tool)
                                                                << 32);
    put(2, static_cast<std::uint64_t>(event.at_ns));
    put(3, event.data[0]);
    put(4, event.data[1]);
    put(5, event.data[2]);
    put(6, event.data[3]);
    if (named) {
        for (std::size_t i = kPlainWords; i < kNamedWords; ++i) {
            std::uint64_t word = 0;
            std::memcpy(&word, event.name.data() + (i - kPlainWords) * 8, sizeof word);
            put(i, word);
        }
    }
}

// Fills the event from `get(i)`. What another process wrote is input: unknown types become None,
// unknown lanes Medium, and a name ends within its bytes.
template <typename Get>
inline void unpack(Event& event, const Get& get) {
    const std::uint64_t first = get(0);
    const auto type = static_cast<std::uint16_t>(first);
    const auto lane = static_cast<std::uint8_t>(first >> 16);
    event.type = type < static_cast<std::uint16_t>(EventType::Count) ? static_cast<EventType>(type)
                                                                     : EventType::None;
    event.lane =
        lane <= static_cast<std::uint8_t>(Lane::Slow) ? static_cast<Lane>(lane) : Lane::Medium;
    event.source = static_cast<std::uint32_t>(first >> 32);
    const std::uint64_t second = get(1);
    event.confidence = std::bit_cast<float>(static_cast<std::uint32_t>(second));
    event.tool = static_cast<std::uint32_t>(second >> 32);
    event.at_ns = static_cast<std::int64_t>(get(2));
    event.data[0] = get(3);
    event.data[1] = get(4);
    event.data[2] = get(5);
    event.data[3] = get(6);
    event.name.fill('\0');
    if (words_of(first) == kNamedWords) {
        for (std::size_t i = kPlainWords; i < kNamedWords; ++i) {
            const std::uint64_t word = get(i);
            std::memcpy(event.name.data() + (i - kPlainWords) * 8, &word, sizeof word);
        }
        event.name.back() = '\0';
    }
}

}  // namespace resonant::ring
