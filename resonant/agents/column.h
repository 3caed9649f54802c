// A Column holds the monitors of one field and one direction: thresholds in ascending order, the
// monitors' ids beside them, and one cursor. "Below" is "above" with the sign turned, so a column
// only knows values that rise to fire and fall to arm.
//
// One thread at a time, except is_quiet(), which any thread may call beside the others.
//
// Invariants:
//   (1) The first `fired_` monitors have fired and are not armed; the others are asleep and armed.
//   (2) quiet_from_ <= value <= quiet_to_ changes nothing: the test that an event nobody wants
//       costs.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace resonant::agents {

struct Fired {
    std::uint32_t monitor = 0;
    double threshold = 0;
};

class Column {
  public:
    // How far a value must fall back below a threshold before its monitor is armed again.
    void set_hysteresis(double hysteresis) { hysteresis_ = hysteresis; }

    bool is_quiet(double value) const {
        return value >= quiet_from_.load(std::memory_order_relaxed) &&
               value <= quiet_to_.load(std::memory_order_relaxed);
    }

    // Writes the monitors that `value` makes fire into `fired`, lowest threshold first, and returns
    // how many; what does not fit fires at the next call.
    std::size_t on_change(double value, std::span<Fired> fired);

    // Adds monitors first_id, first_id + 1, ... with ascending thresholds, while the value is
    // `value_now`. Returns how many of them count as fired. O(all), exact memory.
    std::uint32_t add(std::uint32_t first_id, std::span<const double> thresholds, double value_now);
    // Removes the monitors with ids in [first_id, first_id + count). O(all).
    void remove(std::uint32_t first_id, std::uint32_t count);

    std::size_t size() const { return thresholds_.size(); }
    std::size_t memory_bytes() const {
        return thresholds_.capacity() * sizeof(double) + ids_.capacity() * sizeof(std::uint32_t);
    }

  private:
    void settle_bounds();

    std::vector<double> thresholds_;
    std::vector<std::uint32_t> ids_;
    std::size_t fired_ = 0;
    double hysteresis_ = 0;
    std::atomic<double> quiet_from_{-std::numeric_limits<double>::infinity()};
    std::atomic<double> quiet_to_{std::numeric_limits<double>::infinity()};
};

}  // namespace resonant::agents
