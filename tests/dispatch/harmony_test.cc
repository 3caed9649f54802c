#include "resonant/dispatch/harmony.h"

#include <gtest/gtest.h>

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
    EXPECT_DOUBLE_EQ(harmony.error_rate, 1);
    EXPECT_DOUBLE_EQ(harmony.throughput, 1);
    EXPECT_DOUBLE_EQ(harmony.dharma, 1);
    EXPECT_DOUBLE_EQ(harmony.karma_debt, 1);
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
    EXPECT_DOUBLE_EQ(meter.read(kNow).throughput, 0.5);
}

TEST(HarmonyMeter, latency_follows_the_ninety_fifth_percentile) {
    HarmonyMeter meter;
    for (int i = 0; i < 90; ++i) {
        meter.record(call(false));
    }
    EXPECT_DOUBLE_EQ(meter.read(kNow).latency, 1);
    for (int i = 0; i < 10; ++i) {
        meter.record(call(false, from_seconds(4)));
    }
    EXPECT_LT(meter.read(kNow).latency, 0.7);
}

TEST(HarmonyMeter, error_rate_falls_five_times_as_fast_as_errors_rise) {
    HarmonyMeter meter;
    for (int i = 0; i < 9; ++i) {
        meter.record(call(false));
    }
    meter.record(call(false, from_millis(1), true));
    EXPECT_DOUBLE_EQ(meter.read(kNow).error_rate, 0.5);
}

TEST(HarmonyMeter, dharma_counts_the_last_ten_violations_of_the_window) {
    HarmonyMeter meter;
    for (int i = 0; i < 12; ++i) {
        meter.violate(kNow, 0.5);
    }
    EXPECT_DOUBLE_EQ(meter.read(kNow).dharma, 0.5);
    EXPECT_DOUBLE_EQ(meter.read(kNow + from_seconds(301)).dharma, 1);
}

TEST(HarmonyMeter, karma_debt_is_owed_and_halves_in_five_minutes) {
    HarmonyMeter meter;
    meter.owe(kNow, 4);
    EXPECT_DOUBLE_EQ(meter.read(kNow).karma_debt, 0.6);
    EXPECT_DOUBLE_EQ(meter.read(kNow + from_seconds(300)).karma_debt, 0.8);
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
    EXPECT_DOUBLE_EQ(meter.read(kNow).error_rate, 0);
    EXPECT_DOUBLE_EQ(meter.read(kNow + from_seconds(301)).error_rate, 1);
}

}  // namespace
}  // namespace resonant::dispatch
