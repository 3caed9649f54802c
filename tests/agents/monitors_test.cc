#include "resonant/agents/monitors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

#include "tests/support/allocations.h"

namespace resonant::agents {
namespace {

using board::Field;

MonitorSpec below(double threshold, std::uint32_t count = 1, double spread = 0) {
    MonitorSpec spec;
    spec.field = Field::Reliability;
    spec.direction = Direction::Below;
    spec.threshold = threshold;
    spec.spread = spread;
    spec.count = count;
    spec.goal = "keep errors low";
    spec.action = "health.report";
    spec.owner = "uid:1000";
    return spec;
}

std::size_t fire(Monitors& monitors, Field field, double value) {
    std::vector<Crossing> fired(100'000);
    return monitors.on_change(field, value, fired);
}

TEST(Monitors, wake_when_their_field_falls_below_the_threshold_and_once) {
    Monitors monitors;
    const MonitorGroup group = *monitors.spawn(below(0.5), 1.0);
    std::vector<Crossing> fired(4);
    EXPECT_EQ(monitors.on_change(Field::Reliability, 0.5, fired), 0U);
    EXPECT_EQ(monitors.on_change(Field::Swiftness, 0.1, fired), 0U);
    ASSERT_EQ(monitors.on_change(Field::Reliability, 0.4, fired), 1U);
    EXPECT_EQ(fired[0].monitor, group.first_monitor);
    EXPECT_EQ(fired[0].group, group.id);
    EXPECT_EQ(fired[0].field, Field::Reliability);
    EXPECT_EQ(fired[0].direction, Direction::Below);
    EXPECT_EQ(fired[0].threshold, 0.5);
    EXPECT_EQ(fired[0].value, 0.4);
    EXPECT_EQ(monitors.on_change(Field::Reliability, 0.3, fired), 0U);
    EXPECT_EQ(monitors.group(group.id)->fired, 1U);
}

TEST(Monitors, do_not_tremble_about_a_threshold_of_a_harmony_field) {
    Monitors monitors;
    static_cast<void>(monitors.spawn(below(0.5), 1.0));
    EXPECT_EQ(fire(monitors, Field::Reliability, 0.499), 1U);
    EXPECT_EQ(fire(monitors, Field::Reliability, 0.505), 0U);
    EXPECT_EQ(fire(monitors, Field::Reliability, 0.499), 0U);
    EXPECT_EQ(fire(monitors, Field::Reliability, 0.52), 0U);
    EXPECT_EQ(fire(monitors, Field::Reliability, 0.499), 1U);
}

TEST(Monitors, that_are_spread_wake_one_after_the_other) {
    Monitors monitors;
    static_cast<void>(monitors.spawn(below(0.2, 7, 0.6), 1.0));  // 0.2, 0.3 .. 0.8
    EXPECT_EQ(fire(monitors, Field::Reliability, 0.75), 1U);
    EXPECT_EQ(fire(monitors, Field::Reliability, 0.45), 3U);
    EXPECT_EQ(fire(monitors, Field::Reliability, 0.0), 3U);
    MonitorSpec above = below(10, 5, -8);  // a spread downwards is as good: 10, 8 .. 2
    above.field = Field::UserFirst;
    above.direction = Direction::Above;
    static_cast<void>(monitors.spawn(above, 0));
    EXPECT_EQ(fire(monitors, Field::UserFirst, 5), 2U);
    EXPECT_EQ(fire(monitors, Field::UserFirst, 11), 3U);
}

TEST(Monitors, whose_condition_holds_already_wait_for_the_next_crossing) {
    Monitors monitors;
    EXPECT_EQ(monitors.spawn(below(0.5), 0.3)->crossed_at_spawn, 1U);
    EXPECT_EQ(fire(monitors, Field::Reliability, 0.3), 0U);
    EXPECT_EQ(fire(monitors, Field::Reliability, 0.9), 0U);
    EXPECT_EQ(fire(monitors, Field::Reliability, 0.3), 1U);
}

TEST(Monitors, fire_in_pieces_when_the_buffer_is_small) {
    Monitors monitors;
    static_cast<void>(monitors.spawn(below(0.5, 250), 1.0));
    std::vector<Crossing> few(100);
    EXPECT_EQ(monitors.on_change(Field::Reliability, 0.1, few), 100U);
    EXPECT_EQ(monitors.on_change(Field::Reliability, 0.1, few), 100U);
    EXPECT_EQ(monitors.on_change(Field::Reliability, 0.1, few), 50U);
    EXPECT_EQ(monitors.on_change(Field::Reliability, 0.1, few), 0U);
}

TEST(Monitors, are_listed_and_stopped_by_group) {
    Monitors monitors;
    const MonitorGroup first = *monitors.spawn(below(0.5, 3), 1.0);
    const MonitorGroup second = *monitors.spawn(below(0.5, 2), 1.0);
    EXPECT_EQ(monitors.count(), 5U);
    ASSERT_EQ(monitors.list().size(), 2U);
    EXPECT_EQ(monitors.list()[1].id, second.id);
    EXPECT_EQ(monitors.list()[1].spec.goal, "keep errors low");
    EXPECT_EQ(monitors.watched(), std::vector{Field::Reliability});
    ASSERT_TRUE(monitors.stop(first.id).has_value());
    EXPECT_EQ(monitors.count(), 2U);
    EXPECT_EQ(monitors.stop(first.id).error().code, Code::NotFound);
    EXPECT_EQ(monitors.group(first.id).error().code, Code::NotFound);
    EXPECT_EQ(fire(monitors, Field::Reliability, 0.1), 2U);
    ASSERT_TRUE(monitors.stop(second.id).has_value());
    EXPECT_TRUE(monitors.watched().empty());
}

TEST(Monitors, refuse_what_makes_no_sense_with_words) {
    Monitors monitors;
    EXPECT_EQ(monitors.spawn(below(0.5, 0), 1).error().code, Code::InvalidArgument);
    EXPECT_EQ(monitors.spawn(below(std::numeric_limits<double>::quiet_NaN()), 1).error().code,
              Code::InvalidArgument);
    EXPECT_EQ(monitors.spawn(below(1e308, 2, 1e308), 1).error().code, Code::InvalidArgument);
    MonitorSpec unknown = below(0.5);
    unknown.field = static_cast<Field>(40);
    EXPECT_EQ(monitors.spawn(unknown, 1).error().code, Code::InvalidArgument);
    MonitorSpec wordy = below(0.5);
    wordy.goal.assign(kGoalBytesMax + 1, 'g');
    EXPECT_EQ(monitors.spawn(wordy, 1).error().code, Code::InvalidArgument);
    EXPECT_EQ(monitors.spawn(below(0.5, kMonitorsMax + 1), 1).error().code,
              Code::ResourceExhausted);
    EXPECT_EQ(monitors.count(), 0U);
}

TEST(Monitors, ignore_a_value_that_is_no_number) {
    Monitors monitors;
    static_cast<void>(monitors.spawn(below(0.5), 1.0));
    EXPECT_EQ(fire(monitors, Field::Reliability, std::numeric_limits<double>::quiet_NaN()), 0U);
    EXPECT_EQ(fire(monitors, Field::Reliability, 0.4), 1U);
    EXPECT_EQ(
        monitors.spawn(below(0.2), std::numeric_limits<double>::quiet_NaN())->crossed_at_spawn, 0U);
}

TEST(Monitors, ten_thousand_asleep_take_less_than_24_bytes_each) {
    Monitors monitors;
    const std::uint64_t empty = monitors.memory().count;
    static_cast<void>(monitors.spawn(below(0.2, 10'000, 0.5), 1.0));
    EXPECT_LE(monitors.memory().count - empty, 24U * 10'000U);
}

TEST(Monitors, one_by_one_take_less_than_a_kibibyte_each) {
    Monitors monitors;
    const std::uint64_t empty = monitors.memory().count;
    for (int i = 0; i < 1'000; ++i) {
        ASSERT_TRUE(monitors.spawn(below(0.5 + i * 1e-5), 1.0).has_value());
    }
    EXPECT_LE(monitors.memory().count - empty, 1'024U * 1'000U);
}

TEST(Monitors, check_a_value_without_allocating) {
    Monitors monitors;
    static_cast<void>(monitors.spawn(below(0.2, 10'000, 0.5), 1.0));
    std::vector<Crossing> fired(256);
    std::size_t count = 0;
    const test::Allocations allocations;
    for (int i = 0; i < 100; ++i) {
        count += monitors.on_change(Field::Reliability, 1.0, fired);
        count += monitors.on_change(Field::Reliability, 0.5, fired);
        count += monitors.on_change(Field::Swiftness, 0.5, fired);
    }
    EXPECT_EQ(allocations.count(), 0U);
    EXPECT_GT(count, 0U);
}

TEST(Monitors, are_spawned_and_stopped_while_another_thread_feeds_values) {
    Monitors monitors;
    std::size_t fired_in_thread = 0;
    {
        const std::jthread feeder([&](const std::stop_token& stop) {
            std::vector<Crossing> fired(64);
            for (int i = 0; !stop.stop_requested(); ++i) {
                fired_in_thread +=
                    monitors.on_change(Field::Reliability, i % 2 == 0 ? 1.0 : 0.1, fired);
            }
        });
        for (int i = 0; i < 300; ++i) {
            const Result<MonitorGroup> group = monitors.spawn(below(0.2, 100, 0.5), 1.0);
            ASSERT_TRUE(group.has_value());
            if (i % 2 == 0) {
                ASSERT_TRUE(monitors.stop(group->id).has_value());
            }
        }
    }
    EXPECT_EQ(monitors.count(), 15'000U);
    static_cast<void>(fire(monitors, Field::Reliability, 1.0));
    EXPECT_EQ(fire(monitors, Field::Reliability, 0.1), 15'000U);
}

}  // namespace
}  // namespace resonant::agents
