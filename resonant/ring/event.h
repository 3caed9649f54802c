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
#include <cstdint>
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

// The event as the words of a slot's body. Words beyond the count returned are not part of it.
inline constexpr std::size_t kPlainWords = 7;
inline constexpr std::size_t kNamedWords = 13;
std::size_t pack(const Event& event, std::array<std::uint64_t, kNamedWords>& words);
// Back again. What another process wrote is input: unknown types become None, unknown lanes Medium.
Event unpack(const std::array<std::uint64_t, kNamedWords>& words);
// How many words the first one announces: kPlainWords or kNamedWords.
inline std::size_t words_of(std::uint64_t first_word) {
    return (first_word >> 24 & 0xFF) == 0 ? kPlainWords : kNamedWords;
}

}  // namespace resonant::ring
