#include "resonant/agents/column.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <random>

#include "tests/support/interrupt.h"

namespace resonant::agents {
namespace {

std::vector<std::uint32_t> fired_by(Column& column, double value) {
    std::array<Fired, 8> some;
    std::vector<std::uint32_t> ids;
    for (std::size_t got = some.size(); got == some.size();) {
        got = column.on_change(value, some);
        for (std::size_t i = 0; i < got; ++i) {
            ids.push_back(some[i].monitor);
        }
    }
    return ids;
}

using Ids = std::vector<std::uint32_t>;

TEST(Column, fires_what_a_rising_value_passes_and_nothing_twice) {
    Column column;
    const std::array<double, 3> thresholds = {1, 2, 3};
    column.add(10, thresholds, 0);
    EXPECT_EQ(fired_by(column, 1.0), Ids{});  // not above
    EXPECT_EQ(fired_by(column, 2.5), (Ids{10, 11}));
    EXPECT_EQ(fired_by(column, 2.9), Ids{});
    EXPECT_EQ(fired_by(column, 9.0), Ids{12});
    EXPECT_EQ(fired_by(column, 9.0), Ids{});
}

TEST(Column, arms_again_only_beyond_the_hysteresis) {
    Column column;
    column.set_hysteresis(0.5);
    const std::array<double, 1> thresholds = {2};
    column.add(1, thresholds, 0);
    EXPECT_EQ(fired_by(column, 2.1), Ids{1});
    EXPECT_EQ(fired_by(column, 1.6), Ids{});
    EXPECT_EQ(fired_by(column, 2.1), Ids{}) << "trembling about the threshold";
    EXPECT_EQ(fired_by(column, 1.4), Ids{});
    EXPECT_EQ(fired_by(column, 2.1), Ids{1});
}

TEST(Column, does_not_swallow_a_monitor_that_is_still_to_fire_when_others_are_added) {
    Column column;
    const std::array<double, 1> old = {5};
    column.add(1, old, 0);
    // The value is 8 already, but the column has not been told yet.
    const std::array<double, 3> added = {4, 6, 9};
    EXPECT_EQ(column.add(2, added, 8), 1U);  // 4 counts as fired; 5 and 6 are still to fire
    EXPECT_EQ(fired_by(column, 8), (Ids{1, 3}));
    EXPECT_EQ(fired_by(column, 10), Ids{4});
}

TEST(Column, is_quiet_exactly_where_nothing_changes) {
    Column column;
    EXPECT_TRUE(column.is_quiet(-1e300));
    const std::array<double, 2> thresholds = {1, 3};
    column.add(1, thresholds, 2);
    EXPECT_TRUE(column.is_quiet(1.0));
    EXPECT_TRUE(column.is_quiet(3.0));
    EXPECT_FALSE(column.is_quiet(3.1));
    EXPECT_FALSE(column.is_quiet(0.9));
    EXPECT_FALSE(column.is_quiet(std::numeric_limits<double>::quiet_NaN()));
}

// A twin that keeps a flag for each monitor and looks at all of them each time.
class NaiveColumn {
  public:
    explicit NaiveColumn(double hysteresis) : hysteresis_(hysteresis) {}

    void add(std::uint32_t id, double threshold, bool fired) { monitors_[id] = {threshold, fired}; }
    void remove(std::uint32_t first, std::uint32_t count) {
        std::erase_if(monitors_, [=](const auto& entry) { return entry.first - first < count; });
    }
    Ids on_change(double value) {
        Ids ids;
        for (auto& [id, monitor] : monitors_) {
            if (!monitor.fired && value > monitor.threshold) {
                monitor.fired = true;
                ids.push_back(id);
            } else if (monitor.fired && monitor.threshold > value + hysteresis_) {
                monitor.fired = false;
            }
        }
        return ids;
    }

  private:
    struct Monitor {
        double threshold;
        bool fired;
    };
    double hysteresis_;
    std::map<std::uint32_t, Monitor> monitors_;
};

TEST(Column, fires_like_a_twin_that_looks_at_every_monitor) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto number = [&] { return static_cast<double>(random() % 1'000); };
    Column column;
    column.set_hysteresis(10);
    NaiveColumn twin(10);
    std::vector<std::pair<std::uint32_t, std::uint32_t>> groups;
    std::uint32_t next_id = 1;
    double value = 0;
    for (int step = 0; step < (test::long_run() ? 200'000 : 5'000); ++step) {
        if (random() % 20 == 0) {
            std::vector<double> thresholds(1 + random() % 30);
            std::generate(thresholds.begin(), thresholds.end(), number);
            std::sort(thresholds.begin(), thresholds.end());
            // A fresh group starts beside a value that is at rest, so both agree on what has fired.
            value = -100;
            auto ids = fired_by(column, value);
            ASSERT_EQ(ids, twin.on_change(value));
            ASSERT_EQ(column.add(next_id, thresholds, value), 0U);
            for (std::uint32_t i = 0; i < thresholds.size(); ++i) {
                twin.add(next_id + i, thresholds[i], false);
            }
            groups.emplace_back(next_id, thresholds.size());
            next_id += static_cast<std::uint32_t>(thresholds.size());
        } else if (random() % 40 == 0 && !groups.empty()) {
            const std::size_t which = random() % groups.size();
            column.remove(groups[which].first, groups[which].second);
            twin.remove(groups[which].first, groups[which].second);
            groups.erase(groups.begin() + static_cast<std::ptrdiff_t>(which));
        } else {
            value = random() % 4 == 0 ? number() : value + static_cast<double>(random() % 41) - 20;
            Ids ids = fired_by(column, value);
            std::sort(ids.begin(), ids.end());
            ASSERT_EQ(ids, twin.on_change(value)) << "step " << step << " value " << value;
        }
    }
}

}  // namespace
}  // namespace resonant::agents
