#include "resonant/dispatch/harmony.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace resonant::dispatch {
namespace {

constexpr Nanos kNow{1'800'000'000'000'000'000};

HarmonyMeter::Call call(bool active, Nanos duration = from_millis(1), bool failed = false) {
    return {.at = kNow, .duration = duration, .active = active, .failed = failed};
}

TEST(HarmonyMeter, is_all_one_before_anything_happened) {
    HarmonyMeter meter;
    const board::Harmony harmony = meter.read(kNow);
    EXPECT_DOUBLE_EQ(harmony.balance, 1);
    EXPECT_DOUBLE_EQ(harmony.reliability, 1);
    EXPECT_DOUBLE_EQ(harmony.headroom, 1);
    EXPECT_DOUBLE_EQ(harmony.dharma, 1);
    EXPECT_DOUBLE_EQ(harmony.accord, 1);
}

TEST(HarmonyMeter, balance_falls_when_all_calls_are_of_one_kind) {
    HarmonyMeter meter;
    meter.record(call(true));
    EXPECT_DOUBLE_EQ(meter.read(kNow).balance, 0);
    meter.record(call(false));
    EXPECT_DOUBLE_EQ(meter.read(kNow).balance, 1);
}

TEST(HarmonyMeter, throughput_falls_above_sixty_calls_a_minute) {
    HarmonyMeter meter;
    for (int i = 0; i < 800; ++i) {  // 160 a minute over five minutes
        meter.record(call(false));
    }
    EXPECT_DOUBLE_EQ(meter.read(kNow).headroom, 0.5);
}

TEST(HarmonyMeter, latency_follows_the_ninety_fifth_percentile) {
    HarmonyMeter meter;
    for (int i = 0; i < 90; ++i) {
        meter.record(call(false));
    }
    EXPECT_DOUBLE_EQ(meter.read(kNow).swiftness, 1);
    for (int i = 0; i < 10; ++i) {
        meter.record(call(false, from_seconds(4)));
    }
    EXPECT_LT(meter.read(kNow).swiftness, 0.7);
}

TEST(HarmonyMeter, reliability_falls_five_times_as_fast_as_errors_rise) {
    HarmonyMeter meter;
    for (int i = 0; i < 9; ++i) {
        meter.record(call(false));
    }
    meter.record(call(false, from_millis(1), true));
    EXPECT_DOUBLE_EQ(meter.read(kNow).reliability, 0.5);
}

TEST(HarmonyMeter, dharma_counts_the_last_ten_violations_of_the_window) {
    HarmonyMeter meter;
    for (int i = 0; i < 12; ++i) {
        meter.violate(kNow, 0.5);
    }
    EXPECT_DOUBLE_EQ(meter.read(kNow).dharma, 0.5);
    EXPECT_DOUBLE_EQ(meter.read(kNow + from_seconds(301)).dharma, 1);
}

TEST(HarmonyMeter, debt_is_owed_and_halves_in_five_minutes) {
    HarmonyMeter meter;
    meter.owe(kNow, 4);
    EXPECT_DOUBLE_EQ(meter.read(kNow).accord, 0.6);
    EXPECT_DOUBLE_EQ(meter.read(kNow + from_seconds(300)).accord, 0.8);
}

TEST(HarmonyMeter, energy_falls_with_slow_calls_and_tired_memory) {
    HarmonyMeter meter;
    meter.set_vitality(1);
    EXPECT_DOUBLE_EQ(meter.read(kNow).energy, 1);
    meter.set_vitality(0);
    EXPECT_DOUBLE_EQ(meter.read(kNow).energy, 0.6);
    meter.record(call(false, from_seconds(2)));
    EXPECT_DOUBLE_EQ(meter.read(kNow).energy, 0);
}

TEST(HarmonyMeter, what_happened_more_than_five_minutes_ago_is_forgotten) {
    HarmonyMeter meter;
    meter.record(call(true, from_millis(1), true));
    EXPECT_DOUBLE_EQ(meter.read(kNow).reliability, 0);
    EXPECT_DOUBLE_EQ(meter.read(kNow + from_seconds(301)).reliability, 1);
}

// The running sums against a twin that looks at every call again.
TEST(HarmonyMeter, agrees_with_a_twin_that_remembers_every_call) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    constexpr std::int64_t kBucket = 5'000'000'000;
    HarmonyMeter meter;
    std::vector<HarmonyMeter::Call> calls;
    Nanos now = kNow;
    for (int step = 0; step < 3'000; ++step) {
        // Mostly small steps, sometimes past the whole window.
        now.count += static_cast<std::int64_t>(random() % (step % 97 == 0 ? 400 * kBucket / 5 : kBucket / 2));
        HarmonyMeter::Call made = call(random() % 2 == 0, from_millis(static_cast<std::int64_t>(random() % 1'500)),
                                       random() % 8 == 0);
        made.at = now;
        meter.record(made);
        calls.push_back(made);
        double count = 0, active = 0, failed = 0, slow = 0;
        for (const HarmonyMeter::Call& each : calls) {
            if (each.at.count / kBucket > now.count / kBucket - 60) {
                count += 1;
                active += each.active ? 1 : 0;
                failed += each.failed ? 1 : 0;
                slow += each.duration > from_seconds(1) ? 1 : 0;
            }
        }
        const board::Harmony harmony = meter.read(now);
        ASSERT_DOUBLE_EQ(harmony.balance, 1 - 2 * std::abs(active / count - 0.5)) << "step " << step;
        ASSERT_DOUBLE_EQ(harmony.reliability, std::clamp(1 - 5 * failed / count, 0.0, 1.0)) << "step " << step;
        ASSERT_DOUBLE_EQ(harmony.energy, 0.6 * std::max(0.0, 1 - 2 * slow / count) + 0.4 * 0.7) << "step " << step;
    }
}

TEST(HarmonyMeter, begins_anew_when_the_clock_was_set_back) {
    HarmonyMeter meter;
    meter.record(call(true, from_millis(1), true));
    HarmonyMeter::Call earlier = call(true);
    earlier.at = kNow - from_seconds(3'600);
    meter.record(earlier);
    EXPECT_DOUBLE_EQ(meter.read(earlier.at).reliability, 1);
}

}  // namespace
}  // namespace resonant::dispatch
