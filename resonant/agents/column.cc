#include "resonant/agents/column.h"

#include <algorithm>

namespace resonant::agents {
namespace {

// Room for `size` and an eighth more, so that many small groups do not copy the column each time
// and yet a monitor stays near 12 bytes.
template <typename T>
void make_room(std::vector<T>& column, std::size_t size) {
    if (size > column.capacity()) {
        column.reserve(std::max(size, column.capacity() + column.capacity() / 8));
    }
    column.resize(size);
}

}  // namespace

std::size_t Column::on_change(double value, std::span<Fired> fired) {
    const auto begin = thresholds_.begin();
    const auto cursor = begin + static_cast<std::ptrdiff_t>(fired_);
    // Those that fire: thresholds below the value, from the cursor on.
    const auto end = std::lower_bound(cursor, thresholds_.end(), value);
    if (end != cursor) {
        const auto count = std::min(static_cast<std::size_t>(end - cursor), fired.size());
        for (std::size_t i = 0; i < count; ++i) {
            fired[i] = {ids_[fired_ + i], thresholds_[fired_ + i]};
        }
        fired_ += count;
        settle_bounds();
        return count;
    }
    // Those that are armed again: the value is below their threshold by the hysteresis.
    const auto armed = std::upper_bound(begin, cursor, value + hysteresis_);
    if (armed != cursor) {
        fired_ = static_cast<std::size_t>(armed - begin);
        settle_bounds();
    }
    return 0;
}

std::uint32_t Column::add(std::uint32_t first_id, std::span<const double> added, double value_now) {
    constexpr double kEver = std::numeric_limits<double>::infinity();
    const double last_fired = fired_ == 0 ? -kEver : thresholds_[fired_ - 1];
    const double next_armed = fired_ == thresholds_.size() ? kEver : thresholds_[fired_];
    // Merged from the back, in place.
    std::size_t old = thresholds_.size();
    std::size_t fresh = added.size();
    make_room(thresholds_, old + fresh);
    make_room(ids_, old + fresh);
    while (fresh > 0) {
        const std::size_t target = old + fresh - 1;
        if (old > 0 && thresholds_[old - 1] > added[fresh - 1]) {
            --old;
            thresholds_[target] = thresholds_[old];
            ids_[target] = ids_[old];
        } else {
            --fresh;
            thresholds_[target] = added[fresh];
            ids_[target] = first_id + static_cast<std::uint32_t>(fresh);
        }
    }
    // Fired stays a prefix: it takes in the new ones below what has fired and those the value is
    // above of, but never reaches past an older monitor that is still to fire.
    const double edge = std::max(last_fired, std::min(value_now, next_armed));
    const auto counted = std::lower_bound(added.begin(), added.end(), edge) - added.begin();
    fired_ += static_cast<std::size_t>(counted);
    settle_bounds();
    return static_cast<std::uint32_t>(counted);
}

void Column::remove(std::uint32_t first_id, std::uint32_t count) {
    std::size_t kept = 0;
    std::size_t kept_fired = 0;
    for (std::size_t i = 0; i < ids_.size(); ++i) {
        if (ids_[i] - first_id < count) {
            continue;
        }
        kept_fired += i < fired_;
        thresholds_[kept] = thresholds_[i];
        ids_[kept] = ids_[i];
        ++kept;
    }
    thresholds_.resize(kept);
    ids_.resize(kept);
    if (thresholds_.capacity() > 2 * kept) {
        thresholds_.shrink_to_fit();
        ids_.shrink_to_fit();
    }
    fired_ = kept_fired;
    settle_bounds();
}

void Column::settle_bounds() {
    constexpr double kEver = std::numeric_limits<double>::infinity();
    quiet_from_.store(fired_ == 0 ? -kEver : thresholds_[fired_ - 1] - hysteresis_,
                      std::memory_order_relaxed);
    quiet_to_.store(fired_ == thresholds_.size() ? kEver : thresholds_[fired_],
                    std::memory_order_relaxed);
}

}  // namespace resonant::agents
