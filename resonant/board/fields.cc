#include "resonant/board/fields.h"

namespace resonant::board {
namespace {

constexpr FieldInfo entry(Field field, std::string_view name, std::string_view unit) {
    return {field, name, unit, kind_of(field), offset_of(field)};
}

constexpr std::array<FieldInfo, kBuiltInFields> kFields = {{
    entry(Field::Balance, "harmony.balance", "0..1"),
    entry(Field::Throughput, "harmony.throughput", "0..1"),
    entry(Field::Latency, "harmony.latency", "0..1"),
    entry(Field::ErrorRate, "harmony.error_rate", "0..1"),
    entry(Field::Dharma, "harmony.dharma", "0..1"),
    entry(Field::KarmaDebt, "harmony.karma_debt", "0..1"),
    entry(Field::Energy, "harmony.energy", "0..1"),
    entry(Field::Posture, "resonance.posture", "0 sattvic, 1 rajasic, 2 tamasic"),
    entry(Field::Phase, "resonance.phase", "0 wood, 1 fire, 2 earth, 3 metal, 4 water"),
    entry(Field::Family, "resonance.family", "1..28, 0 none"),
    entry(Field::Predecessor, "resonance.predecessor", "1..28, 0 none"),
    entry(Field::Successor, "resonance.successor", "1..28, 0 none"),
    entry(Field::Quadrant, "resonance.quadrant", "0 east, 1 south, 2 west, 3 north"),
    entry(Field::Engines, "resonance.engines", "mask of 28"),
    entry(Field::UpdatedNs, "resonance.updated_ns", "ns since 1970"),
    entry(Field::Epoch, "epoch", "number of this kernel's life"),
    entry(Field::HeartbeatNs, "heartbeat_ns", "ns since 1970"),
    entry(Field::Tick, "tick", "group writes"),
    entry(Field::MaturityStage, "maturity_stage", "stage"),
}};

constexpr bool numbers_follow_the_table() {
    for (std::size_t i = 0; i < kFields.size(); ++i) {
        if (static_cast<std::size_t>(kFields[i].field) != i) {
            return false;
        }
    }
    return true;
}
static_assert(numbers_follow_the_table());

}  // namespace

std::string_view name_of(Kind kind) {
    return kind == Kind::F64 ? "f64" : kind == Kind::U64 ? "u64" : "i64";
}

std::optional<Kind> find_kind(std::string_view name) {
    for (const Kind kind : {Kind::F64, Kind::U64, Kind::I64}) {
        if (name == name_of(kind)) {
            return kind;
        }
    }
    return std::nullopt;
}

std::span<const FieldInfo> built_in_fields() { return kFields; }

std::optional<Field> find_field(std::string_view name) {
    for (const FieldInfo& info : kFields) {
        const std::string_view bare = info.name.substr(info.name.find('.') + 1);
        if (name == info.name || name == bare) {
            return info.field;
        }
    }
    return std::nullopt;
}

}  // namespace resonant::board
