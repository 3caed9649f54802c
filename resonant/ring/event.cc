#include "resonant/ring/event.h"

#include <algorithm>

namespace resonant::ring {
namespace {

struct TypeInfo {
    EventType type;
    std::string_view name;
    Lane lane;
};

constexpr std::size_t kTypes = static_cast<std::size_t>(EventType::Count);

// FAST: somebody should act now. SLOW: bookkeeping that may wait a minute. MEDIUM: everything else.
constexpr std::array<TypeInfo, kTypes> kTable = {{
    {EventType::None, "none", Lane::Medium},
    {EventType::SystemStarted, "system_started", Lane::Fast},
    {EventType::SystemStopped, "system_stopped", Lane::Fast},
    {EventType::SystemHealthChanged, "system_health_changed", Lane::Fast},
    {EventType::ToolCalled, "tool_called", Lane::Medium},
    {EventType::ToolCompleted, "tool_completed", Lane::Medium},
    {EventType::ToolDenied, "tool_denied", Lane::Medium},
    {EventType::ErrorOccurred, "error_occurred", Lane::Medium},
    {EventType::MemoryCreated, "memory_created", Lane::Medium},
    {EventType::MemoryUpdated, "memory_updated", Lane::Medium},
    {EventType::MemoryAccessed, "memory_accessed", Lane::Medium},
    {EventType::MemoryArchived, "memory_archived", Lane::Medium},
    {EventType::MemoryRestored, "memory_restored", Lane::Medium},
    {EventType::MemoryErased, "memory_erased", Lane::Fast},
    {EventType::MemoryMoved, "memory_moved", Lane::Slow},
    {EventType::CircuitOpened, "circuit_opened", Lane::Fast},
    {EventType::CircuitHalfOpen, "circuit_half_open", Lane::Fast},
    {EventType::CircuitClosed, "circuit_closed", Lane::Fast},
    {EventType::LimitReached, "limit_reached", Lane::Medium},
    {EventType::BoundaryViolated, "boundary_violated", Lane::Fast},
    {EventType::WarningIssued, "warning_issued", Lane::Fast},
    {EventType::InterventionTriggered, "intervention_triggered", Lane::Fast},
    {EventType::ConsentRequested, "consent_requested", Lane::Fast},
    {EventType::ConsentGranted, "consent_granted", Lane::Fast},
    {EventType::ConsentRefused, "consent_refused", Lane::Fast},
    {EventType::ConsentRevoked, "consent_revoked", Lane::Fast},
    {EventType::SessionStarted, "session_started", Lane::Medium},
    {EventType::SessionCheckpoint, "session_checkpoint", Lane::Medium},
    {EventType::SessionEnded, "session_ended", Lane::Medium},
    {EventType::MonitorSpawned, "monitor_spawned", Lane::Medium},
    {EventType::MonitorTriggered, "monitor_triggered", Lane::Fast},
    {EventType::MonitorStopped, "monitor_stopped", Lane::Medium},
    {EventType::ReasonerTaken, "reasoner_taken", Lane::Medium},
    {EventType::ReasonerResolved, "reasoner_resolved", Lane::Medium},
    {EventType::ExecutorStarted, "executor_started", Lane::Medium},
    {EventType::ExecutorCompleted, "executor_completed", Lane::Medium},
    {EventType::AgentRegistered, "agent_registered", Lane::Medium},
    {EventType::AgentSuspended, "agent_suspended", Lane::Fast},
    {EventType::AgentResumed, "agent_resumed", Lane::Fast},
    {EventType::RulesReloaded, "rules_reloaded", Lane::Fast},
    {EventType::MaturityChanged, "maturity_changed", Lane::Medium},
    {EventType::BoardFieldChanged, "board_field_changed", Lane::Medium},
    {EventType::LifecycleSwept, "lifecycle_swept", Lane::Slow},
    {EventType::IndexCaughtUp, "index_caught_up", Lane::Slow},
    {EventType::DreamStarted, "dream_started", Lane::Slow},
    {EventType::DreamCompleted, "dream_completed", Lane::Slow},
    {EventType::SerendipitySurfaced, "serendipity_surfaced", Lane::Slow},
    {EventType::EmergenceDetected, "emergence_detected", Lane::Slow},
    {EventType::UpstreamChanged, "upstream_changed", Lane::Fast},
    {EventType::Custom, "custom", Lane::Medium},
}};

constexpr bool table_follows_the_numbers() {
    for (std::size_t i = 0; i < kTypes; ++i) {
        if (static_cast<std::size_t>(kTable[i].type) != i || kTable[i].name.empty()) {
            return false;
        }
    }
    return true;
}
static_assert(table_follows_the_numbers());

constexpr std::size_t kNameBytes = sizeof(Event::name);
static_assert(kNameBytes == (kNamedWords - kPlainWords) * 8);

const TypeInfo& info_of(EventType type) {
    const auto number = static_cast<std::size_t>(type);
    return kTable[number < kTypes ? number : 0];
}

}  // namespace

std::string_view name_of(EventType type) { return info_of(type).name; }

std::string_view name_of(Lane lane) {
    switch (lane) {
        case Lane::Fast: return "fast";
        case Lane::Medium: return "medium";
        case Lane::Slow: return "slow";
    }
    return "medium";
}

std::optional<EventType> find_event(std::string_view name) {
    for (const TypeInfo& info : kTable) {
        if (info.name == name && info.type != EventType::None) {
            return info.type;
        }
    }
    return std::nullopt;
}

Lane lane_of(EventType type) { return info_of(type).lane; }

std::uint32_t source_hash(std::string_view sender) {
    std::uint64_t hash = 0xCBF29CE484222325;
    for (const char c : sender) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
    }
    return static_cast<std::uint32_t>(hash ^ hash >> 32);
}

void set_name(Event& event, std::string_view name) {
    std::size_t length = std::min(name.size(), kNameBytes - 1);
    while (length > 0 && length < name.size() && (name[length] & 0xC0) == 0x80) {
        --length;  // never through the middle of a character
    }
    event.name.fill('\0');
    std::copy_n(name.begin(), length, event.name.begin());
}

std::string_view name_in(const Event& event) {
    const auto end = std::find(event.name.begin(), event.name.end(), '\0');
    return {event.name.data(), static_cast<std::size_t>(end - event.name.begin())};
}

}  // namespace resonant::ring
