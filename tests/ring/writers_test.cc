#include <gtest/gtest.h>

#include <deque>
#include <thread>

#include "resonant/ring/waker.h"
#include "tests/support/ring_reader.h"

namespace resonant::ring {
namespace {

using test::follow;
using test::numbered;

std::unique_ptr<EventRing> made_exclusive() {
    auto made = EventRing::create(1, Kind::Exclusive);
    EXPECT_TRUE(made.has_value());
    return std::move(*made);
}

TEST(Writers, exclusive_ring_has_one_writer_and_a_shared_ring_has_none) {
    const auto ring = made_exclusive();
    EXPECT_TRUE(ring->exclusive_writer().has_value());
    EXPECT_EQ(ring->exclusive_writer().error().code, Code::Conflict);
    EXPECT_EQ(test::made_ring()->exclusive_writer().error().code, Code::Conflict);
    EXPECT_DEATH(ring->publish(numbered(1)), "exclusive");
}

TEST(Writers, exclusive_ring_gives_every_event_in_order_and_starts_a_new_reader_at_its_end) {
    const auto ring = made_exclusive();
    ExclusiveWriter writer = *ring->exclusive_writer();
    Subscription reader = follow(ring->segment());
    for (std::uint64_t i = 0; i < 21; ++i) {  // the tail says 16
        EXPECT_EQ(writer.publish(numbered(i)), i);
    }
    EXPECT_EQ(follow(ring->segment()).position(), 21U);
    Event event;
    for (std::uint64_t i = 0; i < 21; ++i) {
        ASSERT_EQ(reader.poll(event), Poll::Got);
        EXPECT_TRUE(test::same(event, numbered(i)));
    }
    EXPECT_EQ(reader.poll(event), Poll::Empty);
    EXPECT_FALSE(reader.has_news());
}

TEST(Writers, reader_of_an_exclusive_ring_accounts_for_every_event_it_lost) {
    const auto ring = made_exclusive();
    ExclusiveWriter writer = *ring->exclusive_writer();
    for (std::uint64_t beyond : {1U, 7U, 16U, 1'000U}) {
        Subscription reader = follow(ring->segment());
        const std::uint64_t first = reader.position();
        const std::uint64_t end = first + kSlots + beyond;
        while (writer.next() < end) {
            writer.publish_words(std::array<std::uint64_t, 2>{writer.next(), ~writer.next()});
        }
        std::uint64_t got = 0;
        reader.poll_batch<2>(2 * kSlots, [&](const std::array<std::uint64_t, 2>& words) {
            EXPECT_EQ(words[0], ~words[1]);
            ++got;
        });
        EXPECT_EQ(reader.position(), end);
        EXPECT_EQ(got + reader.lost(), end - first);
        EXPECT_LE(reader.lost(), beyond + kTailStep);
    }
}

TEST(Writers, batch_is_published_in_order_and_a_body_of_any_size_comes_back_whole) {
    const auto shared = test::made_ring();
    SharedWriter writer = shared->writer();
    Subscription reader = follow(shared->segment());
    const std::array<Event, 3> batch = {numbered(4), numbered(5), numbered(6)};
    EXPECT_EQ(writer.publish(batch), 2U);
    Event event;
    for (const Event& wanted : batch) {
        ASSERT_EQ(reader.poll(event), Poll::Got);
        EXPECT_TRUE(test::same(event, wanted));
    }
    std::array<std::uint64_t, kBodyWords> body{};
    body.front() = 11;
    body.back() = 12;
    writer.publish_words(body);
    std::array<std::uint64_t, kBodyWords> read{};
    ASSERT_EQ(reader.poll_words(read), Poll::Got);
    EXPECT_EQ(read, body);
}

TEST(Writers, layout_keeps_what_different_threads_write_on_lines_of_their_own) {
    EXPECT_EQ(alignof(Slot), kLineBytes) << "an event without a name is one line";
    EXPECT_EQ(sizeof(Slot), kLineBytes);
    EXPECT_GE(offsetof(RingMemory, tail) - offsetof(RingMemory, kind), kCacheLine - 32);
    EXPECT_EQ(offsetof(RingMemory, armed) - offsetof(RingMemory, tail), kCacheLine);
    EXPECT_GE(offsetof(RingMemory, slot) - offsetof(RingMemory, armed), kCacheLine);
    EXPECT_EQ(offsetof(RingMemory, slot) % kCacheLine, 0U);
}

struct Detached {
    struct promise_type {
        Detached get_return_object() { return {}; }
        std::suspend_never initial_suspend() { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::abort(); }
    };
};
Detached count_events(Waker& waker, Subscription& events, std::atomic<int>& got,
                      std::atomic<int>& ended) {
    for (std::optional<Event> event = co_await waker.next(events); event;) {
        ++got;
        event = co_await waker.next(events);
    }
    ++ended;
}

TEST(Waker, resumes_every_waiting_coroutine_with_every_event_and_ends_them_with_itself) {
    const auto ring = test::made_ring();
    std::deque<Subscription> events(50, follow(ring->segment()));
    std::atomic<int> got{0};
    std::atomic<int> ended{0};
    {
        Waker waker(*ring, WaitStrategy::Block);
        for (Subscription& own : events) {
            count_events(waker, own, got, ended);
        }
        for (std::uint64_t i = 1; i <= 40; ++i) {
            ring->publish(numbered(i));
            while (got < static_cast<int>(50 * i)) {
                std::this_thread::yield();
            }
        }
        EXPECT_EQ(ended, 0);
    }
    EXPECT_EQ(got, 50 * 40);
    EXPECT_EQ(ended, 50);
}

template <typename Plane>
concept CanPublish = requires(Plane& plane, const Event& event) { plane.publish(event); };
static_assert(CanPublish<EventRing> && CanPublish<ExclusiveWriter> && !CanPublish<Subscription>);

}  // namespace
}  // namespace resonant::ring
