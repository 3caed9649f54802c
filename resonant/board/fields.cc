#include "resonant/board/fields.h"

namespace resonant::board {
namespace {

constexpr FieldInfo entry(Field field, std::string_view name, std::string_view unit, Rise rise,
                          std::string_view meaning) {
    return {field, name, unit, rise, meaning, kind_of(field), offset_of(field)};
}

constexpr std::array<FieldInfo, kBuiltInFields> kFields = {{
    entry(Field::Balance, "harmony.balance", "0..1", Rise::Better,
          "score of the mix of calls: 1 when half of them change something, 0 when all or none do"),
    entry(Field::Headroom, "harmony.headroom", "0..1", Rise::Better,
          "score of the load: 1 up to 60 calls a minute, 0.2 from 220 on"),
    entry(Field::Swiftness, "harmony.swiftness", "0..1", Rise::Better,
          "score of the speed: 1 when 95 % of calls end within 0.5 s, 0.2 from 10 s on"),
    entry(Field::Reliability, "harmony.reliability", "0..1", Rise::Better,
          "score of success: 1 when no call fails, 0 from one failure in five on"),
    entry(Field::Dharma, "harmony.dharma", "0..1", Rise::Better,
          "score of keeping to the rules: 1 without violations, 0 with ten in five minutes"),
    entry(Field::Accord, "harmony.accord", "0..1", Rise::Better,
          "score of accord between what calls declare and what they do: 1 without debt, 0 with a debt of 10"),
    entry(Field::Energy, "harmony.energy", "0..1", Rise::Better,
          "score of freshness: few calls over 1 s, and memories that are not at the rim"),
    entry(Field::Posture, "resonance.posture", "0 sattvic, 1 rajasic, 2 tamasic", Rise::Neither,
          "posture of the last call"),
    entry(Field::Phase, "resonance.phase", "0 wood, 1 fire, 2 earth, 3 metal, 4 water", Rise::Neither,
          "phase of the last call"),
    entry(Field::Family, "resonance.family", "1..28, 0 none", Rise::Neither, "family of the last call"),
    entry(Field::Predecessor, "resonance.predecessor", "1..28, 0 none", Rise::Neither,
          "family of the call before the last"),
    entry(Field::Successor, "resonance.successor", "1..28, 0 none", Rise::Neither,
          "family that follows the last call's in the circle"),
    entry(Field::Quadrant, "resonance.quadrant", "0 east, 1 south, 2 west, 3 north", Rise::Neither,
          "quadrant of the last call's family"),
    entry(Field::Engines, "resonance.engines", "mask of 28", Rise::Neither, "engines that have published, a bit each"),
    entry(Field::UpdatedNs, "resonance.updated_ns", "ns since 1970", Rise::Neither, "when the last call was made"),
    entry(Field::Epoch, "epoch", "number of this kernel's life", Rise::Neither,
          "counts the starts of the kernel in its home"),
    entry(Field::HeartbeatNs, "heartbeat_ns", "ns since 1970", Rise::Neither,
          "when the kernel last showed that it lives"),
    entry(Field::Tick, "tick", "group writes", Rise::Neither, "writes of groups of the board since the start"),
    entry(Field::MaturityStage, "maturity_stage", "stage", Rise::Better,
          "how far the home has grown; some tools wait for a stage"),
    entry(Field::ErrorRate, "traffic.error_rate", "0..1", Rise::Worse,
          "share of the calls of the last five minutes that were let through and failed; 0 when there were none"),
    entry(Field::LatencySeconds, "traffic.latency_p95_s", "s", Rise::Worse,
          "95 % of the calls of the last five minutes took at most this long; 0 when there were none"),
    entry(Field::CallsPerMinute, "traffic.calls_per_minute", "calls/min", Rise::Neither,
          "calls a minute, over the last five minutes"),
    entry(Field::Violations, "traffic.violations", "0..10", Rise::Worse,
          "calls of the last five minutes that governor or rules refused; counts to 10"),
    entry(Field::KarmaDebt, "traffic.karma_debt", "debt", Rise::Worse,
          "owed by calls that did other than they declare: 1 a mismatch, half of it after five minutes; 0 is no debt"),
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

std::string_view name_of(Rise rise) {
    return rise == Rise::Better ? "better" : rise == Rise::Worse ? "worse" : "neither better nor worse";
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

const FieldInfo& info_of(Field field) { return kFields[static_cast<std::size_t>(field)]; }

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
