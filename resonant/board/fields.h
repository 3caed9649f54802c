// The map of the 4 KiB page: every field's name, unit and offset, once. docs/formats/board.md holds the
// same table; a test compares the two.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace resonant::board {

inline constexpr int kBreakerSlots = 64;  // 28 families, then upstream servers
inline constexpr int kCounterSlots = 64;
inline constexpr int kUserFields = 64;

// A word of the page by index into the table of fields. Built-in fields come first and have fixed
// indices; user fields follow in the order of their registration.
enum class Field : std::uint16_t {
    Balance, Throughput, Latency, ErrorRate, Dharma, KarmaDebt, Energy,   // harmony, f64
    Posture, Phase, Family, Predecessor, Successor, Quadrant, Engines, UpdatedNs,  // resonance, u64
    Epoch, HeartbeatNs, Tick, MaturityStage,
    UserFirst = 64,  // UserFirst + n
};

enum class Kind : std::uint8_t { F64, U64 };

struct FieldInfo {
    Field field;
    std::string_view name;  // "harmony.error_rate", "resonance.phase", "user.queue_depth"
    std::string_view unit;
    Kind kind;
};

std::span<const FieldInfo> built_in_fields();
// Built-in fields by name, also by the bare last part ("error_rate").
std::optional<Field> find_field(std::string_view name);

}  // namespace resonant::board
