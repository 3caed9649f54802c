// The map of the 4 KiB page: every field's name, unit and offset, once. docs/formats/board.md holds
// the same table; a test compares the two.
//
// Any thread; constants.
//
// Invariants:
//   (1) A field's number and offset never change within a version of the page; new fields get new
//       numbers.
//   (2) Every field is one 8-byte word on an 8-byte boundary.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace resonant::board {

inline constexpr int kBreakerSlots = 64;  // 28 families, then upstream servers
inline constexpr int kCounterSlots = 64;
inline constexpr int kUserFields = 64;
inline constexpr int kUserGroups = 8;
inline constexpr int kUserGroupFields = 7;  // fields of one user group at most

// A word of the page by index into the table of fields. Built-in fields come first and have fixed
// indices; user fields follow in the order of their registration.
// clang-format off
enum class Field : std::uint16_t {
    Balance, Headroom, Swiftness, Reliability, Dharma, Accord, Energy,             // harmony, f64
    Posture, Phase, Family, Predecessor, Successor, Quadrant, Engines, UpdatedNs,  // resonance, u64
    Epoch, HeartbeatNs, Tick, MaturityStage,
    ErrorRate, LatencySeconds, CallsPerMinute, Violations, KarmaDebt,              // traffic, f64
    UserFirst = 64,  // UserFirst + n
};
// clang-format on

inline constexpr std::uint16_t kBuiltInFields = 24;
inline constexpr std::uint16_t kFieldsMax = 64 + kUserFields;  // every Field's number is below

enum class Kind : std::uint8_t { F64 = 0, U64 = 1, I64 = 2 };
std::string_view name_of(Kind kind);  // "f64", "u64", "i64"
std::optional<Kind> find_kind(std::string_view name);

// What it means that a field rises.
enum class Rise : std::uint8_t { Neither, Better, Worse };
std::string_view name_of(Rise rise);  // "neither better nor worse", "better", "worse"

struct FieldInfo {
    Field field;
    std::string_view name;  // "traffic.error_rate", "resonance.phase", "maturity_stage"
    std::string_view unit;
    Rise rise;
    std::string_view meaning;  // one sentence
    Kind kind;
    std::uint16_t offset;  // in the page
};

// Whether a number is a field at all: built-in, or one of the user words, registered or not.
constexpr bool is_field(Field field) {
    const auto number = static_cast<std::uint16_t>(field);
    return number < kBuiltInFields || (number >= 64 && number < kFieldsMax);
}
constexpr bool is_harmony(Field field) { return field <= Field::Energy; }
constexpr bool is_resonance(Field field) {
    return field >= Field::Posture && field <= Field::UpdatedNs;
}
constexpr bool is_user(Field field) { return field >= Field::UserFirst; }
constexpr bool is_traffic(Field field) { return field >= Field::ErrorRate && field <= Field::KarmaDebt; }
// Of a built-in field; a user field's kind stands in the page (BoardView::kind).
constexpr Kind kind_of(Field field) { return is_harmony(field) || is_traffic(field) ? Kind::F64 : Kind::U64; }
// The number that bits of a kind mean.
constexpr double number_of(Kind kind, std::uint64_t bits) {
    return kind == Kind::F64   ? std::bit_cast<double>(bits)
           : kind == Kind::U64 ? static_cast<double>(bits)
                               : static_cast<double>(static_cast<std::int64_t>(bits));
}
// Byte offset of a field's word. A constant when `field` is one.
constexpr std::uint16_t offset_of(Field field) {
    constexpr std::array<std::uint16_t, kBuiltInFields> kOffsets = {
        256, 264, 272, 280, 288, 296, 304,       // harmony
        320, 328, 336, 344, 352, 360, 368, 376,  // resonance
        16,  128, 136, 24,                       // epoch, heartbeat, tick, maturity stage
        896, 904, 912, 920, 928};                // traffic
    const auto number = static_cast<std::uint16_t>(field);
    return number < kBuiltInFields ? kOffsets[number]
                                   : static_cast<std::uint16_t>(2048 + (number - 64) * 8);
}

std::span<const FieldInfo> built_in_fields();
// Of a built-in field.
const FieldInfo& info_of(Field field);
// Built-in fields by name, also by the bare last part ("error_rate").
std::optional<Field> find_field(std::string_view name);

}  // namespace resonant::board
