// Monitors are thresholds asleep on board fields: "wake me when error_rate rises above 0.3". A
// monitor is 12 bytes in the sorted columns of its field; it has no object and no thread. An event
// that nobody wants touches two numbers, however many sleep. (Seed: spawn_monitors, AgentState.)
//
// Threads and processes: any thread of the kernel. on_change() takes a mutex only when something
// fires or is armed again.
//
// Invariants:
//   (1) Edge-triggered: a monitor fires when the value crosses its threshold, and again only after
//       the value has gone back beyond the threshold by the field's hysteresis (hysteresis_of()).
//   (2) In a column (field, direction) the monitors that have fired are a prefix in sorted order,
//       so one cursor holds the state of all of them.
//   (3) A monitor whose condition already holds when it is spawned counts as fired: it wakes when
//       the value has gone back and crosses again. spawn() says how many those are (with those
//       within the hysteresis of a neighbour that has fired).
//   (4) on_change() beside a spawn() in another thread may see the column before or after it, so
//       whoever feeds values checks each watched field again at every cycle, changed or not.
//
// After the threshold index of publish/subscribe matching (a rank cursor in sorted thresholds).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/base/units.h"
#include "resonant/plane/kernel_plane.h"

namespace resonant::agents {

inline constexpr std::uint32_t kMonitorsMax = 10'000'000;
inline constexpr std::uint32_t kGroupsMax = 100'000;
inline constexpr std::size_t kGoalBytesMax = 512;
inline constexpr std::size_t kActionBytesMax = 256;

enum class Direction : std::uint8_t { Above, Below };
std::string_view name_of(Direction direction);  // "above", "below"

// What is asked for: `count` monitors whose thresholds lie evenly from `threshold` to `threshold +
// spread`.
struct MonitorSpec {
    board::Field field = board::Field::Reliability;
    Direction direction = Direction::Below;
    double threshold = 0;
    double spread = 0;
    std::uint32_t count = 1;
    std::string action;  // what the reasoner may do: a tool's dotted name, or words
    std::string goal;    // why the monitor exists, for whoever reasons about it
    std::string owner;   // principal that spawned it
};

// One spawn: its monitors have the ids first_monitor .. first_monitor + spec.count - 1.
struct MonitorGroup {
    std::uint32_t id = 0;
    std::uint32_t first_monitor = 0;
    std::uint32_t crossed_at_spawn = 0;  // see invariant (3)
    std::uint64_t fired = 0;             // crossings so far, of all its monitors
    MonitorSpec spec;
};

struct Crossing {
    std::uint32_t monitor = 0;
    std::uint32_t group = 0;
    board::Field field{};
    Direction direction{};
    double threshold = 0;
    double value = 0;
};

// How far a value must go back before a monitor is armed again: 0.01 for harmony fields, which lie
// in 0..1; 0 for all others.
double hysteresis_of(board::Field field);

class Monitors {
  public:
    Monitors();
    Monitors(const Monitors&) = delete;
    Monitors& operator=(const Monitors&) = delete;
    ~Monitors();

    // Puts a group to sleep; `value_now` is the field's value at this moment. InvalidArgument for a
    // count of 0, a threshold that is no number, words beyond their limits; ResourceExhausted
    // beyond kMonitorsMax or kGroupsMax. O(monitors on the field).
    Result<MonitorGroup> spawn(const MonitorSpec& spec, double value_now);
    // Removes a group. NotFound. O(monitors on the field).
    Status stop(std::uint32_t group);
    std::vector<MonitorGroup> list() const;  // by id
    Result<MonitorGroup> group(std::uint32_t id) const;

    // Writes the monitors that `value` makes fire into `fired` and returns how many. When it fills
    // `fired`, call again with the same value for the rest. A value that is no number fires
    // nothing. No allocation.
    std::size_t on_change(board::Field field, double value, std::span<Crossing> fired);

    // Fields that at least one monitor watches.
    std::vector<board::Field> watched() const;
    std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }
    // Bytes all columns and groups occupy.
    Bytes memory() const;

  private:
    struct Inner;
    std::unique_ptr<Inner> inner_;
    std::atomic<std::uint64_t> count_{0};
};

}  // namespace resonant::agents
