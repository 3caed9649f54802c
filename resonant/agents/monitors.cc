#include "resonant/agents/monitors.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>

#include "resonant/agents/column.h"

namespace resonant::agents {
namespace {

constexpr std::size_t kFields = board::kFieldsMax;
constexpr std::size_t kFiredAtOnce = 64;

// Columns know only values that rise; "below" is "above" with the sign turned.
double turned(Direction direction, double value) {
    return direction == Direction::Above ? value : -value;
}

Status check(const MonitorSpec& spec) {
    if (!board::is_field(spec.field)) {
        return fail(Code::InvalidArgument, fmt::format("spawn monitors: the board has no field {}",
                                                       static_cast<int>(spec.field)));
    }
    if (spec.count == 0) {
        return fail(Code::InvalidArgument, "spawn monitors: the count is 0; ask for at least 1");
    }
    if (!std::isfinite(spec.threshold) || !std::isfinite(spec.threshold + spec.spread)) {
        return fail(Code::InvalidArgument,
                    fmt::format("spawn monitors: the threshold {} with spread {} is no number",
                                spec.threshold, spec.spread));
    }
    if (spec.goal.size() > kGoalBytesMax || spec.action.size() > kActionBytesMax) {
        return fail(
            Code::InvalidArgument,
            fmt::format(
                "spawn monitors: the goal has {} bytes and the action {}, the limits are {} "
                "and {}; store the words in memory and name their id",
                spec.goal.size(), spec.action.size(), kGoalBytesMax, kActionBytesMax));
    }
    return {};
}

// Ascending, as columns want them.
std::vector<double> thresholds_of(const MonitorSpec& spec) {
    std::vector<double> thresholds(spec.count);
    const double step = spec.count > 1 ? spec.spread / (spec.count - 1) : 0;
    for (std::uint32_t i = 0; i < spec.count; ++i) {
        thresholds[i] = turned(spec.direction, spec.threshold + step * i);
    }
    if (thresholds.front() > thresholds.back()) {
        std::reverse(thresholds.begin(), thresholds.end());
    }
    return thresholds;
}

}  // namespace

std::string_view name_of(Direction direction) {
    return direction == Direction::Above ? "above" : "below";
}

double hysteresis_of(board::Field field) {
    return board::is_harmony(field) || field == board::Field::ErrorRate ? 0.01 : 0.0;
}

struct Monitors::Inner {
    std::array<std::array<Column, 2>, kFields> columns;  // by field, by direction
    mutable std::mutex mutex;                            // guards all but is_quiet()
    std::map<std::uint32_t, MonitorGroup>
        groups;  // by first monitor, which is also the order of ids
    std::map<std::uint32_t, std::uint32_t> first_of;  // group -> first monitor
    std::uint32_t next_group = 1;
    std::uint64_t next_monitor = 1;

    Column& column(board::Field field, Direction direction) {
        return columns[static_cast<std::size_t>(field)][static_cast<std::size_t>(direction)];
    }
    MonitorGroup& group_of_monitor(std::uint32_t monitor) {
        return std::prev(groups.upper_bound(monitor))->second;
    }

    std::size_t fire(board::Field field, double value, std::span<Crossing> fired) {
        const std::lock_guard lock(mutex);
        std::size_t count = 0;
        for (const Direction direction : {Direction::Above, Direction::Below}) {
            MonitorGroup* group = nullptr;  // neighbours in a column are mostly of one group
            for (bool more = true; more && count < fired.size();) {
                std::array<Fired, kFiredAtOnce> some;
                const std::size_t room = std::min(some.size(), fired.size() - count);
                const std::size_t got =
                    column(field, direction)
                        .on_change(turned(direction, value), std::span(some).first(room));
                for (const Fired& one : std::span(some).first(got)) {
                    if (group == nullptr ||
                        one.monitor - group->first_monitor >= group->spec.count) {
                        group = &group_of_monitor(one.monitor);
                    }
                    ++group->fired;
                    fired[count++] = {
                        one.monitor, group->id, field, direction, turned(direction, one.threshold),
                        value};
                }
                more = got == room;
            }
        }
        return count;
    }
};

Monitors::Monitors() : inner_(std::make_unique<Inner>()) {
    for (std::size_t field = 0; field < kFields; ++field) {
        for (Column& column : inner_->columns[field]) {
            column.set_hysteresis(hysteresis_of(static_cast<board::Field>(field)));
        }
    }
}
Monitors::~Monitors() = default;

Result<MonitorGroup> Monitors::spawn(const MonitorSpec& spec, double value_now) {
    RESONANT_CHECK(check(spec));
    if (spec.count > kMonitorsMax) {
        return fail(
            Code::ResourceExhausted,
            fmt::format("spawn monitors: {} asked for, {} is the limit", spec.count, kMonitorsMax));
    }
    const std::vector<double> thresholds = thresholds_of(spec);
    const std::lock_guard lock(inner_->mutex);
    const std::uint64_t after = count() + spec.count;
    if (after > kMonitorsMax || inner_->groups.size() >= kGroupsMax ||
        inner_->next_monitor + spec.count > std::numeric_limits<std::uint32_t>::max()) {
        return fail(
            Code::ResourceExhausted,
            fmt::format(
                "spawn monitors: {} would sleep in {} groups, the limits are {} and {}; stop "
                "some first",
                after, inner_->groups.size() + 1, kMonitorsMax, kGroupsMax));
    }
    MonitorGroup group;
    group.id = inner_->next_group++;
    group.first_monitor = static_cast<std::uint32_t>(inner_->next_monitor);
    group.spec = spec;
    inner_->next_monitor += spec.count;
    const double value = std::isnan(value_now) ? -std::numeric_limits<double>::infinity()
                                               : turned(spec.direction, value_now);
    group.crossed_at_spawn =
        inner_->column(spec.field, spec.direction).add(group.first_monitor, thresholds, value);
    inner_->first_of.emplace(group.id, group.first_monitor);
    inner_->groups.emplace(group.first_monitor, group);
    count_.store(after, std::memory_order_relaxed);
    return group;
}

Status Monitors::stop(std::uint32_t group) {
    const std::lock_guard lock(inner_->mutex);
    const auto first = inner_->first_of.find(group);
    if (first == inner_->first_of.end()) {
        return fail(Code::NotFound, fmt::format("stop monitors: there is no group {}", group));
    }
    const auto found = inner_->groups.find(first->second);
    const MonitorSpec& spec = found->second.spec;
    inner_->column(spec.field, spec.direction).remove(found->first, spec.count);
    count_.store(count() - spec.count, std::memory_order_relaxed);
    inner_->groups.erase(found);
    inner_->first_of.erase(first);
    return {};
}

std::vector<MonitorGroup> Monitors::list() const {
    const std::lock_guard lock(inner_->mutex);
    std::vector<MonitorGroup> groups;
    groups.reserve(inner_->groups.size());
    for (const auto& [first, group] : inner_->groups) {
        groups.push_back(group);
    }
    return groups;
}

Result<MonitorGroup> Monitors::group(std::uint32_t id) const {
    const std::lock_guard lock(inner_->mutex);
    const auto first = inner_->first_of.find(id);
    if (first == inner_->first_of.end()) {
        return fail(Code::NotFound, fmt::format("monitors: there is no group {}", id));
    }
    return inner_->groups.at(first->second);
}

// Kept small: this is what every event pays for that nobody wants.
std::size_t Monitors::on_change(board::Field field, double value, std::span<Crossing> fired) {
    const auto& columns = inner_->columns[static_cast<std::size_t>(field)];
    if (columns[0].is_quiet(value) && columns[1].is_quiet(-value)) [[likely]] {
        return 0;
    }
    return std::isnan(value) ? 0 : inner_->fire(field, value, fired);
}

std::vector<board::Field> Monitors::watched() const {
    const std::lock_guard lock(inner_->mutex);
    std::vector<board::Field> fields;
    for (std::size_t field = 0; field < kFields; ++field) {
        if (inner_->columns[field][0].size() + inner_->columns[field][1].size() > 0) {
            fields.push_back(static_cast<board::Field>(field));
        }
    }
    return fields;
}

Bytes Monitors::memory() const {
    const std::lock_guard lock(inner_->mutex);
    std::uint64_t bytes = sizeof(Inner);
    for (const auto& field : inner_->columns) {
        bytes += field[0].memory_bytes() + field[1].memory_bytes();
    }
    constexpr std::uint64_t kMapNode = 48;  // what a node of std::map takes beside its value, about
    for (const auto& [first, group] : inner_->groups) {
        bytes += 2 * kMapNode + sizeof(MonitorGroup) + group.spec.goal.capacity() +
                 group.spec.action.capacity() + group.spec.owner.capacity();
    }
    return {bytes};
}

}  // namespace resonant::agents
