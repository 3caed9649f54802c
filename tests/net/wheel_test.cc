#include "resonant/net/wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>

#include "tests/support/interrupt.h"

namespace resonant::net {
namespace {

// Random deadlines against a map that is looked through every time.
TEST(WheelModel, gives_out_every_deadline_once_at_its_tick_and_never_before) {
    const char* given = std::getenv("RESONANT_SEED");
    const std::uint64_t first = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
    const std::uint64_t seeds = given != nullptr ? 1 : test::long_run() ? 1'000 : 40;
    std::printf("seeds from %lu\n", static_cast<unsigned long>(first));
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
        SCOPED_TRACE("RESONANT_SEED=" + std::to_string(seed));
        std::mt19937_64 random(seed);
        const auto draw = [&](std::uint64_t most) { return std::uniform_int_distribution<std::uint64_t>(0, most)(random); };
        std::uint64_t now = draw(1 << 30);
        Wheel wheel(now);
        std::map<std::uint32_t, std::uint64_t> twin;
        for (int step = 0; step < 2'000; ++step) {
            const auto number = static_cast<std::uint32_t>(draw(200));
            if (draw(2) != 0) {
                const std::uint64_t due = now + draw(std::uint64_t{1} << draw(32));
                wheel.arm(number, due);
                twin[number] = std::max(due, now + 1);
            } else if (draw(1) != 0) {
                wheel.cancel(number);
                twin.erase(number);
            } else {
                const std::uint64_t until = now + draw(std::uint64_t{1} << draw(28));
                std::vector<std::uint32_t> expired;
                wheel.advance(until, expired);
                std::uint64_t last = now;
                for (const std::uint32_t one : expired) {
                    ASSERT_TRUE(twin.contains(one)) << one << " step " << step;
                    ASSERT_GE(twin[one], last) << "out of order";
                    ASSERT_LE(twin[one], until) << "too early";
                    last = twin[one];
                    twin.erase(one);
                }
                now = until;
                for (const auto& [left, due] : twin) {
                    ASSERT_GT(due, now) << left << " was not given out, step " << step;
                    ASSERT_LE(wheel.ticks_left(), due - now) << "who sleeps that long misses " << left;
                }
            }
            ASSERT_EQ(wheel.armed(), twin.size());
            ASSERT_EQ(wheel.ticks_left() == 0, twin.empty());
        }
    }
}

}  // namespace
}  // namespace resonant::net
