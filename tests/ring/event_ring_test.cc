#include "resonant/ring/event_ring.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>
#include <vector>

#include "resonant/base/clock.h"
#include "tests/support/allocations.h"
#include "tests/support/interrupt.h"
#include "tests/support/ring_reader.h"

namespace resonant::ring {
namespace {

using test::follow;
using test::is_whole;
using test::made_ring;
using test::numbered;

TEST(EventRing, gives_a_reader_every_event_from_its_start_on_in_order) {
    const auto ring = made_ring();
    ring->publish(numbered(1));
    Subscription reader = follow(ring->segment());
    Event event;
    EXPECT_EQ(reader.poll(event), Poll::Empty);
    EXPECT_EQ(ring->publish(numbered(2)), 1U);
    EXPECT_EQ(ring->publish(numbered(3)), 2U);
    EXPECT_EQ(reader.lag(), 2U);
    ASSERT_EQ(reader.poll(event), Poll::Got);
    EXPECT_TRUE(test::same(event, numbered(2)));
    ASSERT_EQ(reader.poll(event), Poll::Got);
    EXPECT_TRUE(test::same(event, numbered(3)));
    EXPECT_EQ(reader.poll(event), Poll::Empty);
    EXPECT_EQ(reader.lost(), 0U);
    EXPECT_EQ(reader.position(), 3U);
    EXPECT_EQ(ring->head(), 3U);
}

TEST(EventRing, lets_a_reader_start_in_the_past_but_not_in_the_future) {
    const auto ring = made_ring(4);
    for (std::uint64_t i = 0; i < 5; ++i) {
        ring->publish(numbered(i));
    }
    Event event;
    Subscription past = follow(ring->segment(), 2);
    ASSERT_EQ(past.poll(event), Poll::Got);
    EXPECT_EQ(event.data[0], 2U);
    EXPECT_EQ(past.epoch(), 4U);
    EXPECT_EQ(follow(ring->segment(), 99).position(), 5U);
}

TEST(EventRing, slow_reader_learns_how_many_events_it_lost) {
    const auto ring = made_ring();
    Subscription reader = follow(ring->segment());
    for (std::uint64_t i = 0; i < kSlots + 10; ++i) {
        ring->publish(numbered(i));
    }
    Event event;
    std::uint64_t got = 0;
    while (reader.poll(event) == Poll::Got) {
        ASSERT_TRUE(test::same(event, numbered(10 + got)));
        ++got;
    }
    EXPECT_EQ(reader.lost(), 10U);
    EXPECT_EQ(got, kSlots);
}

TEST(EventRing, reader_one_lap_behind_to_the_event_loses_nothing) {
    const auto ring = made_ring();
    Subscription reader = follow(ring->segment());
    for (std::uint64_t i = 0; i < kSlots; ++i) {
        ring->publish(numbered(i));
    }
    Event event;
    ASSERT_EQ(reader.poll(event), Poll::Got);
    EXPECT_TRUE(test::same(event, numbered(0)));
    EXPECT_EQ(reader.lost(), 0U);
}

TEST(EventRing, gives_batches_that_end_where_the_news_ends) {
    const auto ring = made_ring();
    Subscription reader = follow(ring->segment());
    for (std::uint64_t i = 0; i < 100; ++i) {
        ring->publish(numbered(i));
    }
    std::vector<Event> batch(64);
    EXPECT_EQ(reader.poll(batch), 64U);
    EXPECT_EQ(batch[63].data[0], 63U);
    EXPECT_EQ(reader.poll(batch), 36U);
    EXPECT_EQ(batch[35].data[0], 99U);
    EXPECT_EQ(reader.poll(batch), 0U);
    EXPECT_EQ(reader.poll(std::span<Event>()), 0U);
}

TEST(EventRing, refuses_to_read_what_is_no_ring) {
    const std::vector<std::byte> zeroes(kRingBytes);
    EXPECT_EQ(Subscription::over(zeroes.data(), zeroes.size()).error().code, Code::DataLoss);
    EXPECT_EQ(Subscription::over(nullptr, 0).error().code, Code::DataLoss);
    const auto ring = made_ring();
    EXPECT_EQ(Subscription::over(ring->segment().data(), kRingBytes - 1).error().code,
              Code::DataLoss);
}

TEST(EventRing, accounts_for_every_position_in_any_order_of_publishing_and_reading) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto ring = made_ring();
    Subscription reader = follow(ring->segment());
    std::uint64_t published = 0;
    std::uint64_t got = 0;
    std::vector<Event> batch(1'000);
    for (int step = 0; step < (test::long_run() ? 3'000 : 120); ++step) {
        const std::uint64_t burst = random() % 8 == 0 ? random() % (2 * kSlots) : random() % 500;
        for (std::uint64_t i = 0; i < burst; ++i) {
            ASSERT_EQ(ring->publish(numbered(published)), published);
            ++published;
        }
        const std::uint64_t lag = published - reader.position();
        const std::uint64_t lost_before = reader.lost();
        std::uint64_t expected = reader.position() + (lag > kSlots ? lag - kSlots : 0);
        const std::size_t count = reader.poll(std::span(batch).first(1 + random() % batch.size()));
        for (std::size_t i = 0; i < count; ++i) {
            ASSERT_TRUE(test::same(batch[i], numbered(expected))) << "step " << step;
            ++expected;
        }
        got += count;
        ASSERT_EQ(reader.lost() - lost_before, lag > kSlots ? lag - kSlots : 0);
        ASSERT_EQ(got + reader.lost(), reader.position());
    }
}

TEST(EventRing, gives_each_position_to_one_of_several_writing_threads) {
    constexpr std::uint64_t kWriters = 3;
    constexpr std::uint64_t kEach = 20'000;
    const auto ring = made_ring();
    Subscription reader = follow(ring->segment());
    {
        std::vector<std::jthread> writers;
        for (std::uint64_t w = 0; w < kWriters; ++w) {
            writers.emplace_back([&ring, w] {
                for (std::uint64_t i = 0; i < kEach; ++i) {
                    ring->publish(numbered(w << 32 | i));
                }
            });
        }
    }
    ASSERT_EQ(ring->head(), kWriters * kEach);
    std::array<std::uint64_t, kWriters> next{};
    Event event;
    while (reader.poll(event) == Poll::Got) {
        ASSERT_TRUE(is_whole(event));
        std::uint64_t& expected = next.at(event.data[0] >> 32);
        ASSERT_EQ(event.data[0] & 0xFFFFFFFF, expected) << "order within a thread";
        ++expected;
    }
    EXPECT_EQ(next, (std::array<std::uint64_t, kWriters>{kEach, kEach, kEach}));
    EXPECT_EQ(reader.lost(), 0U);
}

TEST(EventRing, never_gives_a_torn_event_while_writers_lap_the_reader) {
    const auto ring = made_ring();
    std::vector<std::jthread> writers;
    for (std::uint64_t w = 0; w < 2; ++w) {
        writers.emplace_back([&ring, w](const std::stop_token& stop) {
            for (std::uint64_t i = 0; !stop.stop_requested(); ++i) {
                ring->publish(numbered(w << 32 | i));
            }
        });
    }
    Subscription reader = follow(ring->segment());
    Event event;
    std::uint64_t got = 0;
    const std::uint64_t start = reader.position();
    for (std::uint64_t laps = 0; laps < (test::long_run() ? 500U : 5U);) {
        if (reader.poll(event) == Poll::Got) {
            ASSERT_TRUE(is_whole(event));
            ++got;
        }
        laps = (reader.position() - start) / kSlots;
    }
    EXPECT_EQ(got + reader.lost(), reader.position() - start);
}

TEST(EventRing, publishes_and_polls_without_allocating) {
    const auto ring = made_ring();
    Subscription reader = follow(ring->segment());
    const Event sent = numbered(3);
    std::vector<Event> batch(8);
    const test::Allocations allocations;
    Event event;
    for (int i = 0; i < 1'000; ++i) {
        ring->publish(sent);
        ring->publish(sent);
        static_cast<void>(reader.poll(event));
        static_cast<void>(reader.poll(batch));
        static_cast<void>(ring->arm(reader.position()));
    }
    EXPECT_EQ(allocations.count(), 0U);
}

class EveryWait : public ::testing::TestWithParam<WaitStrategy> {};

TEST_P(EveryWait, ends_without_news_when_the_time_is_over) {
    const auto ring = made_ring();
    Subscription reader = follow(ring->segment());
    EXPECT_FALSE(reader.wait(ring.get(), GetParam(), from_millis(2)));
    EXPECT_FALSE(reader.wait(nullptr, GetParam(), from_millis(2)));
    ring->publish(numbered(1));
    EXPECT_TRUE(reader.wait(ring.get(), GetParam(), Nanos{0}));
}

// Each event is published only after the one before was read, so a lost wake would let the reader sleep to the
// end of its patience. It may be woken early: by the publisher of the event before, which it has read already.
TEST_P(EveryWait, loses_no_wake) {
    const auto ring = made_ring();
    Subscription reader = follow(ring->segment());
    std::atomic<std::uint64_t> seen{0};
    constexpr std::uint64_t kRounds = 300;
    constexpr Nanos kPatience = from_seconds(60);
    const std::jthread writer([&] {
        for (std::uint64_t i = 1; i <= kRounds; ++i) {
            ring->publish(numbered(i));
            while (seen.load(std::memory_order_acquire) < i) {
                std::this_thread::yield();
            }
        }
    });
    Event event;
    for (std::uint64_t i = 1; i <= kRounds;) {
        if (reader.poll(event) == Poll::Got) {
            EXPECT_EQ(event.data[0], i);
            seen.store(i++, std::memory_order_release);
        } else {
            const Nanos start = SystemClock().monotonic();
            static_cast<void>(reader.wait(ring.get(), GetParam(), kPatience));
            EXPECT_LT(SystemClock().monotonic() - start, kPatience) << "a wake was lost";
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Strategies, EveryWait,
                         ::testing::Values(WaitStrategy::BusySpin, WaitStrategy::Yield,
                                           WaitStrategy::HybridSpin, WaitStrategy::Block));

TEST(EventRing, says_at_once_that_there_is_news_when_armed_too_late) {
    const auto ring = made_ring();
    EXPECT_NE(ring->arm(0), 0U);
    ring->publish(numbered(1));
    EXPECT_EQ(ring->arm(0), 0U);
    EXPECT_NE(ring->arm(1), 0U);
}

TEST(EventRing, gives_all_sleepers_the_same_word_to_wait_on) {
    const auto ring = made_ring();
    const std::uint32_t first = ring->arm(0);
    EXPECT_EQ(ring->arm(0), first);
    ring->publish(numbered(1));
    EXPECT_NE(ring->arm(1), first);
}

TEST(EventRing, can_wake_sleepers_without_news) {
    const auto ring = made_ring();
    std::atomic<bool> awake{false};
    std::jthread sleeper([&] {
        Subscription reader = follow(ring->segment());
        EXPECT_FALSE(reader.wait(ring.get(), WaitStrategy::Block, from_seconds(60)));
        awake = true;
    });
    while (!awake) {
        ring->wake();
        std::this_thread::yield();
    }
}

}  // namespace
}  // namespace resonant::ring
