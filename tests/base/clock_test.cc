#include "resonant/base/clock.h"

#include <gtest/gtest.h>

#include "resonant/base/random.h"

namespace resonant {
namespace {

TEST(ManualClock, stands_still_until_it_is_moved) {
    ManualClock clock(Nanos{100});
    EXPECT_EQ(clock.wall().count, 100);
    clock.advance(Nanos{5});
    EXPECT_EQ(clock.monotonic().count, 105);
}

TEST(SystemClock, monotonic_time_never_goes_back) {
    SystemClock clock;
    const Nanos first = clock.monotonic();
    EXPECT_LE(first, clock.monotonic());
    EXPECT_GT(clock.wall().count, 1'700'000'000'000'000'000);
}

TEST(SeededRandom, one_seed_gives_one_sequence) {
    SeededRandom a(7);
    SeededRandom b(7);
    SeededRandom c(8);
    const std::string first = a.hex(16);
    EXPECT_EQ(first, b.hex(16));
    EXPECT_NE(first, c.hex(16));
    EXPECT_EQ(first.size(), 32U);
}

}  // namespace
}  // namespace resonant
