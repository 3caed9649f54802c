#include "resonant/board/limits.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <map>
#include <random>
#include <thread>

#include "resonant/board/limit_words.h"
#include "tests/support/allocations.h"
#include "tests/support/interrupt.h"

namespace resonant::board {
namespace {

constexpr Nanos kStart{1'700'000'040'000'000'000};  // the first moment of a minute
static_assert(kStart.count % kLimitWindow.count == 0);

std::unique_ptr<LimitsTable> made() { return std::move(*LimitsTable::create(1)); }

TEST(Limits, allows_the_limit_and_not_one_more) {
    const auto limits = made();
    const std::uint32_t row = *limits->row("tool:a", kStart);
    for (std::uint32_t i = 1; i <= 3; ++i) {
        const LimitReading reading = limits->take(row, 3, kStart);
        EXPECT_TRUE(reading.allowed);
        EXPECT_EQ(reading.used, i);
    }
    EXPECT_FALSE(limits->take(row, 3, kStart).allowed);
    EXPECT_TRUE(limits->take(row, 4, kStart).allowed);  // another limit, the same calls
    EXPECT_TRUE(limits->take(*limits->row("tool:b", kStart), 3, kStart).allowed);
}

TEST(Limits, does_not_count_refused_calls) {
    const auto limits = made();
    const std::uint32_t row = *limits->row("tool:a", kStart);
    static_cast<void>(limits->take(row, 1, kStart));
    for (int i = 0; i < 1'000; ++i) {
        EXPECT_FALSE(limits->take(row, 1, kStart).allowed);
        limits->count_denial(row);
    }
    EXPECT_EQ(limits->peek(row, 1, kStart).used, 1U);
    EXPECT_EQ(limits->denials(row), 1'000U);
    EXPECT_TRUE(limits->take(row, 1, kStart + kLimitWindow + kLimitWindow).allowed);
}

TEST(Limits, tells_the_exact_moment_at_which_a_call_is_allowed_again) {
    std::mt19937_64 random(20231114);
    for (int round = 0; round < 2'000; ++round) {
        const auto limit = static_cast<std::uint32_t>(1 + random() % 40);
        Window window;
        Nanos now = kStart;
        for (int call = 0; call < 80; ++call) {  // fill it in some way
            now = now + Nanos{static_cast<std::int64_t>(random() % 3'000'000'000)};
            if (window.read(limit, now).allowed) {
                window = window.at(now);
                ++window.here;
            }
        }
        const LimitReading refused = window.read(limit, now);
        if (refused.allowed) {
            continue;
        }
        const Nanos wait = from_seconds(refused.retry_after_s);
        ASSERT_GT(wait.count, 0);
        ASSERT_TRUE(window.read(limit, now + wait).allowed)
            << "limit " << limit << " round " << round;
        ASSERT_FALSE(window.read(limit, now + wait - Nanos{1}).allowed) << "round " << round;
    }
}

TEST(Limits, never_allows_with_a_limit_of_nothing) {
    const auto limits = made();
    const LimitReading reading = limits->take(*limits->row("a", kStart), 0, kStart);
    EXPECT_FALSE(reading.allowed);
    EXPECT_EQ(reading.retry_after_s, 0);
}

TEST(Limits, starts_afresh_when_the_clock_was_set_back) {
    const auto limits = made();
    const std::uint32_t row = *limits->row("a", kStart);
    static_cast<void>(limits->take(row, 1, kStart));
    EXPECT_TRUE(limits->take(row, 1, kStart - from_seconds(7'200)).allowed);
}

// A twin that keeps every call and counts by looking at all of them.
class NaiveLimiter {
  public:
    bool take(std::uint32_t limit, Nanos now) {
        const std::int64_t minute = now.count / kLimitWindow.count;
        const double left = 1.0 - static_cast<double>(now.count % kLimitWindow.count) /
                                      static_cast<double>(kLimitWindow.count);
        double used = 0;
        for (const Nanos call : calls_) {
            const std::int64_t then = call.count / kLimitWindow.count;
            used += then == minute ? 1.0 : then + 1 == minute ? left : 0.0;
        }
        if (used > static_cast<double>(limit) - 1 + 1e-9) {
            return false;
        }
        calls_.push_back(now);
        return true;
    }

  private:
    std::vector<Nanos> calls_;
};

TEST(Limits, decides_like_a_twin_that_remembers_every_call) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto limits = made();
    const std::uint32_t row = *limits->row("a", kStart);
    NaiveLimiter twin;
    Nanos now = kStart;
    for (int i = 0; i < (test::long_run() ? 20'000 : 3'000); ++i) {
        now = now + Nanos{static_cast<std::int64_t>(random() % 700'000'000)};
        if (random() % 200 == 0) {
            now = now + from_seconds(45);
        }
        ASSERT_EQ(limits->take(row, 60, now).allowed, twin.take(60, now)) << "call " << i;
    }
}

TEST(Limits, gives_the_last_call_to_one_thread_only) {
    const auto limits = made();
    const std::uint32_t row = *limits->row("a", kStart);
    std::atomic<std::uint32_t> allowed{0};
    {
        std::vector<std::jthread> callers;
        for (int t = 0; t < 4; ++t) {
            callers.emplace_back([&] {
                for (int i = 0; i < 10'000; ++i) {
                    allowed += limits->take(row, 12'345, kStart).allowed;
                }
            });
        }
    }
    EXPECT_EQ(allowed, 12'345U);
}

TEST(Breaker, opens_after_enough_failures_within_the_window_and_not_before) {
    const auto limits = made();
    const std::uint32_t row = *limits->row("a", kStart);
    const BreakerPolicy policy{3, from_seconds(60), from_seconds(30)};
    EXPECT_EQ(limits->settle(row, false, policy, kStart), BreakerState::Closed);
    EXPECT_EQ(limits->settle(row, true, policy, kStart), BreakerState::Closed);
    EXPECT_EQ(limits->settle(row, false, policy, kStart), BreakerState::Closed);
    EXPECT_EQ(limits->read_breaker(row, kStart).failures, 2U);
    const Nanos later = kStart + from_seconds(60);  // the two are forgotten
    EXPECT_EQ(limits->settle(row, false, policy, later), BreakerState::Closed);
    EXPECT_EQ(limits->settle(row, false, policy, later), BreakerState::Closed);
    EXPECT_EQ(limits->settle(row, false, policy, later), BreakerState::Open);
    const BreakerReading open = limits->read_breaker(row, later + from_seconds(10));
    EXPECT_EQ(open.state, BreakerState::Open);
    EXPECT_NEAR(open.retry_after_s, 20, 1e-6);
    limits->reset_breaker(row);
    EXPECT_EQ(limits->read_breaker(row, later).state, BreakerState::Closed);
}

TEST(Breaker, tells_the_exact_moment_at_which_a_probe_may_go) {
    const auto limits = made();
    const std::uint32_t row = *limits->row("a", kStart);
    const BreakerPolicy policy{1, from_seconds(60), from_seconds(30)};
    const Nanos failed = kStart + Nanos{123'456'789};
    EXPECT_EQ(limits->settle(row, false, policy, failed), BreakerState::Open);
    const Nanos wait = from_seconds(limits->enter(row, policy, failed).retry_after_s);
    EXPECT_EQ(limits->read_breaker(row, failed + wait - Nanos{1}).state, BreakerState::Open);
    EXPECT_EQ(limits->read_breaker(row, failed + wait).state, BreakerState::HalfOpen);
}

TEST(Breaker, admits_one_probe_whose_outcome_decides) {
    const auto limits = made();
    const std::uint32_t row = *limits->row("a", kStart);
    const BreakerPolicy policy{1, from_seconds(60), from_seconds(30)};
    static_cast<void>(limits->settle(row, false, policy, kStart));
    EXPECT_EQ(limits->settle(row, true, policy, kStart), BreakerState::Open)
        << "a late call of before";

    const Nanos probing = kStart + from_seconds(30);
    EXPECT_EQ(limits->enter(row, policy, probing).state, BreakerState::HalfOpen);
    EXPECT_EQ(limits->enter(row, policy, probing).state, BreakerState::Open);
    EXPECT_EQ(limits->read_breaker(row, probing).state, BreakerState::Open);
    EXPECT_EQ(limits->settle(row, false, policy, probing), BreakerState::Open);

    const Nanos again = probing + from_seconds(30);
    EXPECT_EQ(limits->enter(row, policy, again).state, BreakerState::HalfOpen);
    EXPECT_EQ(limits->settle(row, true, policy, again), BreakerState::Closed);
    EXPECT_EQ(limits->enter(row, policy, again).state, BreakerState::Closed);
}

TEST(Breaker, gives_up_a_probe_that_is_never_settled) {
    const auto limits = made();
    const std::uint32_t row = *limits->row("a", kStart);
    const BreakerPolicy policy{1, from_seconds(60), from_seconds(30)};
    static_cast<void>(limits->settle(row, false, policy, kStart));
    EXPECT_EQ(limits->enter(row, policy, kStart + from_seconds(30)).state, BreakerState::HalfOpen);
    EXPECT_EQ(limits->enter(row, policy, kStart + from_seconds(59)).state, BreakerState::Open);
    EXPECT_EQ(limits->enter(row, policy, kStart + from_seconds(60)).state, BreakerState::HalfOpen);
}

TEST(Breaker, makes_one_of_many_threads_the_probe) {
    const auto limits = made();
    const std::uint32_t row = *limits->row("a", kStart);
    const BreakerPolicy policy{1, from_seconds(60), from_seconds(30)};
    for (int round = 0; round < 50; ++round) {
        limits->reset_breaker(row);
        static_cast<void>(limits->settle(row, false, policy, kStart));
        std::atomic<int> probes{0};
        {
            std::vector<std::jthread> callers;
            for (int t = 0; t < 4; ++t) {
                callers.emplace_back([&] {
                    probes += limits->enter(row, policy, kStart + from_seconds(31)).state ==
                              BreakerState::HalfOpen;
                });
            }
        }
        ASSERT_EQ(probes, 1);
    }
}

TEST(LimitRows, are_the_same_for_the_same_key) {
    const auto limits = made();
    const std::uint32_t row = *limits->row("tool:memory.add", kStart);
    EXPECT_EQ(*limits->row("tool:memory.add", kStart), row);
    EXPECT_EQ(*limits->permanent_row("tool:memory.add", kStart), row);
    EXPECT_NE(*limits->row("tool:memory.get", kStart), row);
    EXPECT_EQ(limits->key(row), "tool:memory.add");
    EXPECT_EQ(limits->key(kLimitRows - 1), "");
    EXPECT_EQ(limits->row("", kStart).error().code, Code::InvalidArgument);
    EXPECT_EQ(limits->row(std::string(kKeyBytesMax + 1, 'k'), kStart).error().code,
              Code::InvalidArgument);
}

TEST(LimitRows, are_reused_oldest_first_and_never_with_a_live_penalty) {
    const auto limits = made();
    const BreakerPolicy policy{1, from_seconds(60), from_seconds(3'000)};
    const std::uint32_t tool = *limits->permanent_row("tool:old", kStart - from_seconds(9'000));
    const std::uint32_t open = *limits->row("agent:open", kStart - from_seconds(600));
    static_cast<void>(limits->settle(open, false, policy, kStart - from_seconds(600)));
    const std::uint32_t busy = *limits->row("agent:busy", kStart - from_seconds(600));
    static_cast<void>(limits->take(busy, 5, kStart));
    const std::uint32_t oldest = *limits->row("agent:oldest", kStart - from_seconds(500));
    for (std::uint32_t i = 4; i < kLimitRows; ++i) {
        ASSERT_TRUE(
            limits->row("agent:" + std::to_string(i), kStart - from_seconds(400)).has_value());
    }
    const LimitsTable::Handle kept = *limits->handle("agent:oldest", kStart - from_seconds(400));
    const LimitsTable::Handle kept_busy = *limits->handle("agent:busy", kStart);
    EXPECT_EQ(kept.row, oldest);
    EXPECT_TRUE(limits->holds(kept));
    EXPECT_EQ(*limits->row("agent:new", kStart), oldest);
    EXPECT_EQ(limits->key(oldest), "agent:new");
    EXPECT_FALSE(limits->holds(kept)) << "the row is another key's now";
    EXPECT_TRUE(limits->holds(kept_busy));
    for (int i = 0; i < 3'000; ++i) {
        ASSERT_TRUE(limits->row("more:" + std::to_string(i), kStart).has_value());
    }
    EXPECT_EQ(limits->key(tool), "tool:old");
    EXPECT_EQ(limits->key(open), "agent:open");
    EXPECT_EQ(limits->key(busy), "agent:busy");
    EXPECT_EQ(limits->read_breaker(open, kStart).state, BreakerState::Open);
    EXPECT_EQ(*limits->row("agent:busy", kStart), busy);
}

TEST(LimitRows, run_out_with_words_when_every_one_is_busy) {
    const auto limits = made();
    for (std::uint32_t i = 0; i < kLimitRows; ++i) {
        static_cast<void>(
            limits->take(*limits->row("agent:" + std::to_string(i), kStart), 5, kStart));
    }
    const Result<std::uint32_t> refused = limits->row("agent:new", kStart);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Code::ResourceExhausted);
    EXPECT_TRUE(limits->row("agent:new", kStart + from_seconds(120)).has_value());
}

TEST(LimitRows, keep_their_penalties_through_save_and_restore) {
    const auto before = made();
    const BreakerPolicy policy{2, from_seconds(60), from_seconds(30)};
    const std::uint32_t open = *before->row("open", kStart);
    static_cast<void>(before->settle(open, false, policy, kStart));
    static_cast<void>(before->settle(open, false, policy, kStart));
    const std::uint32_t probing = *before->row("probing", kStart);
    static_cast<void>(before->settle(probing, false, policy, kStart - from_seconds(31)));
    static_cast<void>(before->settle(probing, false, policy, kStart - from_seconds(31)));
    ASSERT_EQ(before->enter(probing, policy, kStart).state, BreakerState::HalfOpen);
    const std::uint32_t used = *before->row("used", kStart);
    static_cast<void>(before->take(used, 2, kStart));
    static_cast<void>(before->take(used, 2, kStart));
    before->count_denial(used);

    const auto after = made();
    const Nanos restart = kStart + from_seconds(2);
    after->restore(before->save(), restart);
    EXPECT_EQ(after->read_breaker(*after->row("open", restart), restart).state, BreakerState::Open);
    EXPECT_EQ(after->read_breaker(*after->row("probing", restart), restart).state,
              BreakerState::Open);
    EXPECT_FALSE(after->take(*after->row("used", restart), 2, restart).allowed);
    EXPECT_EQ(after->denials(*after->row("used", restart)), 1U);
}

TEST(LimitRows, restore_no_penalty_longer_than_an_hour_after_a_clock_was_wrong) {
    const auto before = made();
    const BreakerPolicy policy{1, from_seconds(60), from_seconds(30)};
    static_cast<void>(
        before->settle(*before->row("open", kStart), false, policy, kStart + from_seconds(1e8)));
    const auto after = made();
    after->restore(before->save(), kStart);
    const std::uint32_t row = *after->row("open", kStart);
    EXPECT_EQ(after->read_breaker(row, kStart).state, BreakerState::Open);
    EXPECT_EQ(after->read_breaker(row, kStart + kRestoredMax).state, BreakerState::HalfOpen);
}

TEST(Limits, decide_without_allocating) {
    const auto limits = made();
    const std::uint32_t row = *limits->row("a", kStart);
    const BreakerPolicy policy;
    const test::Allocations allocations;
    for (int i = 0; i < 1'000; ++i) {
        static_cast<void>(limits->peek(row, 500, kStart));
        static_cast<void>(limits->take(row, 500, kStart));
        static_cast<void>(limits->enter(row, policy, kStart));
        static_cast<void>(limits->settle(row, i % 2 == 0, policy, kStart));
    }
    EXPECT_EQ(allocations.count(), 0U);
}

// Reads an attached table by docs/formats/limits.md alone.
TEST(LimitsFormat, is_what_the_page_says) {
    const auto limits = made();
    const std::uint32_t row = *limits->row("a", kStart);
    static_cast<void>(limits->take(row, 5, kStart - from_seconds(60)));
    static_cast<void>(limits->take(row, 5, kStart));
    static_cast<void>(limits->take(row, 5, kStart));
    limits->count_denial(row);
    static_cast<void>(limits->settle(row, false, {1, from_seconds(60), from_seconds(30)}, kStart));

    const auto segment =
        shm::Segment::attach(*limits->segment().share(), Bytes{4096 + 65'536 * 64});
    ASSERT_TRUE(segment.has_value());
    const auto word = [&](std::size_t offset) {
        std::uint64_t value = 0;
        std::memcpy(&value, segment->data() + offset, sizeof value);
        return value;
    };
    EXPECT_EQ(std::memcmp(segment->data(), "RSWMLIM2", 8), 0);
    EXPECT_EQ(word(8), 2U);
    EXPECT_EQ(word(16), 1U);
    EXPECT_EQ(word(24), 65'536U);
    const std::size_t at = 4096 + 64 * std::size_t{row};
    EXPECT_EQ(word(at) >> 62, 1U);
    EXPECT_EQ(word(at) >> 48 & 0x3FFF, 1U);
    EXPECT_EQ(word(at) & 0xFFFFFFFFFFFF,
              static_cast<std::uint64_t>(kStart.count) / 1'000'000 + 30'000);
    EXPECT_EQ(word(at + 8) >> 48,
              static_cast<std::uint64_t>(kStart.count) / 60'000'000'000 & 0xFFFF);
    EXPECT_EQ(word(at + 8) >> 24 & 0xFFFFFF, 1U);
    EXPECT_EQ(word(at + 8) & 0xFFFFFF, 2U);
    EXPECT_EQ(word(at + 16), 1U);
    EXPECT_EQ(word(at + 24), static_cast<std::uint64_t>(kStart.count));
}

}  // namespace
}  // namespace resonant::board
