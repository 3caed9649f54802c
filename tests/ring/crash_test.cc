// The ring's writer is another process that is killed; readers here go on over a read-only mapping.
#include <gtest/gtest.h>

#include <optional>
#include <random>

#include "resonant/ring/slot.h"
#include "resonant/shm/handover.h"
#include "resonant/shm/waiter.h"
#include "tests/support/fork.h"
#include "tests/support/interrupt.h"
#include "tests/support/ring_reader.h"
#include "tests/support/sockets.h"

namespace resonant::ring {
namespace {

void send_ring(const EventRing& ring, int socket) {
    const Result<Descriptor> shared = ring.segment().share();
    const int fds[] = {shared->get()};
    ASSERT_TRUE(shm::send_descriptors(socket, fds, "ring").has_value());
}

shm::Segment receive_ring(int socket) {
    Result<shm::Received> received = shm::receive_descriptors(socket);
    EXPECT_TRUE(received.has_value());
    return *shm::Segment::attach(std::move(received->descriptors.at(0)), Bytes{kRingBytes});
}

TEST(RingCrash, leaves_whole_events_and_no_stuck_reader_wherever_publish_is_killed) {
    if (test::kSanitized) {
        GTEST_SKIP() << "most instructions would be the sanitizer's";
    }
    long points = 0;
    long unpublished = 0;
    long published = 0;
    for (bool over = false; !over && points < 5'000; ++points) {
        test::SocketPair sockets;
        std::optional<shm::Segment> segment;
        over = test::killed_after(
            points,
            [&] {
                const auto ring = test::made_ring();
                for (std::uint64_t i = 0; i < 5; ++i) {
                    ring->publish(test::numbered(i));
                }
                send_ring(*ring, sockets.there.get());
                const Event last = test::numbered(6);  // with a name, so all of the body is written
                test::begin_operation();
                ring->publish(last);
                test::end_operation();
            },
            [&] { segment.emplace(receive_ring(sockets.here.get())); });
        Subscription reader = test::follow(*segment, 0);
        Event event;
        std::uint64_t got = 0;
        Poll last = Poll::Got;
        for (int polls = 0; polls < 200;
             ++polls) {  // bounded: a reader of the dead returns, it does not wait
            last = reader.poll(event);
            if (last == Poll::Got) {
                ASSERT_TRUE(test::is_whole(event)) << "torn at point " << points;
                ++got;
            }
        }
        ASSERT_GE(got, 5U);
        ASSERT_EQ(reader.lost(), 0U);
        ASSERT_EQ(got == 6, last == Poll::Empty && reader.position() == 6);
        unpublished += got == 5;
        published += got == 6;
    }
    EXPECT_GT(points, 50);
    EXPECT_GT(unpublished, 10);
    EXPECT_GT(published, 1);
}

TEST(RingCrash, gives_only_whole_events_in_order_when_writers_are_killed_at_random) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    std::uint64_t events = 0;
    for (int kill = 0; kill < (test::long_run() ? 10'000 : test::kSanitized ? 10 : 200); ++kill) {
        test::SocketPair sockets;
        test::Forked writer([&] {
            const auto ring = test::made_ring();
            send_ring(*ring, sockets.there.get());
            for (std::uint64_t i = 0;; ++i) {
                ring->publish(test::numbered(i));
            }
        });
        const shm::Segment segment = receive_ring(sockets.here.get());
        Subscription reader = test::follow(segment, 0);
        Event event;
        std::uint64_t next = 0;
        std::uint64_t wanted = random() % 3'000;
        bool killed = false;
        for (int quiet = 0; quiet < 200;) {
            if (reader.poll(event) == Poll::Got) {
                ASSERT_TRUE(test::is_whole(event));
                ASSERT_GE(event.data[0], next) << "out of order";
                ASSERT_EQ(event.data[0] + 1, reader.position());
                next = event.data[0] + 1;
                ++events;
                quiet = 0;
                if (!killed && (wanted == 0 || --wanted == 0)) {
                    ASSERT_EQ(::kill(writer.pid(), SIGKILL), 0);
                    ASSERT_EQ(writer.wait(), -1);
                    killed = true;
                }
            } else {
                quiet += killed;
            }
        }
        ASSERT_LE(reader.lag(), 1U) << "at most the event that was being written is missing";
    }
    EXPECT_GT(events, 0U);
}

// A debugger or a scheduler may stop the writing process for seconds, anywhere.
TEST(RingCrash, readers_go_on_while_the_writing_process_is_stopped_and_after_it_continues) {
    test::SocketPair sockets;
    test::Forked writer([&] {
        const auto ring = test::made_ring();
        send_ring(*ring, sockets.there.get());
        for (std::uint64_t i = 0;; ++i) {
            ring->publish(test::numbered(i));
        }
    });
    const shm::Segment segment = receive_ring(sockets.here.get());
    Subscription reader = test::follow(segment, 0);
    Event event;
    std::uint64_t next = 0;
    const auto read_until = [&](auto&& enough) {
        for (std::uint64_t got = 0; !enough(got);) {
            if (reader.poll(event) != Poll::Got) {
                continue;
            }
            ASSERT_TRUE(test::is_whole(event));
            ASSERT_GE(event.data[0], next) << "out of order";
            next = event.data[0] + 1;
            ++got;
        }
    };
    for (int stops = 0; stops < (test::long_run() ? 20 : 3); ++stops) {
        read_until([](std::uint64_t got) { return got >= 1'000; });
        ASSERT_EQ(::kill(writer.pid(), SIGSTOP), 0);
        ASSERT_EQ(::waitpid(writer.pid(), nullptr, WUNTRACED), writer.pid());
        Poll last = Poll::Got;
        while ((last = reader.poll(event)) == Poll::Got) {
            ASSERT_TRUE(test::is_whole(event));
            next = event.data[0] + 1;
        }
        ASSERT_LE(reader.lag(), 1U) << "all that was published was read, the rest is not waited for";
        std::this_thread::sleep_for(std::chrono::milliseconds(test::long_run() ? 2'000 : 50));
        ASSERT_EQ(reader.poll(event), last) << "nothing changes while it is stopped";
        ASSERT_EQ(::kill(writer.pid(), SIGCONT), 0);
    }
    read_until([](std::uint64_t got) { return got >= 1'000; });
    EXPECT_EQ(reader.position(), next);
    ASSERT_EQ(::kill(writer.pid(), SIGKILL), 0);
    EXPECT_EQ(writer.wait(), -1);
}

TEST(RingCrash, passes_a_writer_that_stays_in_the_middle_while_half_a_lap_goes_by) {
    const auto ring = test::made_ring();
    Subscription reader = test::follow(ring->segment());
    // What publish() leaves when its thread is stopped right after the claim.
    auto* memory =
        const_cast<RingMemory*>(reinterpret_cast<const RingMemory*>(ring->segment().data()));
    memory->slot[0].word.store(slot_word(0, State::Writing));
    memory->tail.store(1);
    Event event;
    EXPECT_EQ(reader.poll(event), Poll::Busy);
    for (std::uint64_t i = 0; i < kSlots / 2; ++i) {
        ring->publish(test::numbered(i));
    }
    EXPECT_EQ(reader.poll(event), Poll::Got);
    EXPECT_EQ(event.data[0], 0U);
    EXPECT_EQ(reader.lost(), 1U);

    // A lap later the slot is still its writer's: position kSlots is passed over by writer and
    // reader.
    Subscription late = test::follow(ring->segment());
    for (std::uint64_t i = 0; i < kSlots; ++i) {
        ring->publish(test::numbered(i));
        const bool passing = late.position() == kSlots;
        for (int polls = 0; polls < (passing ? 200 : 1); ++polls) {
            if (late.poll(event) == Poll::Got) {
                ASSERT_TRUE(test::same(event, test::numbered(i)));
                break;
            }
        }
    }
    EXPECT_EQ(ring->passed_over(), 1U);
    EXPECT_EQ(state_of(memory->slot[0].word.load()), State::Writing);
    EXPECT_EQ(late.lost(), 1U);
}

TEST(RingCrash, another_uid_reads_and_sleeps_on_the_ring_but_cannot_write_it) {
    if (::getuid() != 0) {
        GTEST_SKIP() << "only root can become another user";
    }
    const auto ring = test::made_ring();
    test::SocketPair sockets;
    test::SocketPair turns;
    test::Forked agent([&] {
        ASSERT_TRUE(test::become_nobody());
        const shm::Segment segment = receive_ring(sockets.there.get());
        Subscription reader = test::follow(segment);
        std::uint32_t armed = 0;
        ASSERT_EQ(::write(turns.there.get(), "?", 1), 1);  // asks to be armed
        ASSERT_EQ(::read(turns.there.get(), &armed, sizeof armed),
                  static_cast<ssize_t>(sizeof armed));
        EXPECT_EQ(reinterpret_cast<const RingMemory*>(segment.data())->armed.load(), armed);
        EXPECT_EQ(::write(turns.there.get(), "z", 1), 1);
        EXPECT_TRUE(reader.wait(nullptr, WaitStrategy::Block, from_seconds(30)));
        Event event;
        EXPECT_EQ(reader.poll(event), Poll::Got);
        EXPECT_TRUE(test::same(event, test::numbered(42)));
        EXPECT_DEATH(*const_cast<std::byte*>(segment.data()) = std::byte{1}, "");
    });
    send_ring(*ring, sockets.here.get());
    char turn = 0;
    ASSERT_EQ(::read(turns.here.get(), &turn, 1), 1);
    const std::uint32_t armed = ring->arm(0);
    ASSERT_EQ(::write(turns.here.get(), &armed, sizeof armed), static_cast<ssize_t>(sizeof armed));
    ASSERT_EQ(::read(turns.here.get(), &turn, 1), 1);
    ring->publish(test::numbered(42));
    EXPECT_EQ(agent.wait(), 0);
}

}  // namespace
}  // namespace resonant::ring
