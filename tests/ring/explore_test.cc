// The ring's own steps (protocol.h) and the sleepers' handshake through every interleaving and every
// stale value: 2 slots, bodies of 2 words, two writers that may die anywhere, one reader.
#include <gtest/gtest.h>

#include "resonant/ring/protocol.h"
#include "tests/support/explorer.h"
#include "tests/support/interrupt.h"

namespace resonant::ring {
namespace {

using test::Checked;
using test::Explorer;

struct TinySlot {
    Checked body[2];
    Checked word;
};
struct TinyRing {
    static constexpr std::uint64_t kSlotCount = 2;
    Checked kind;
    Checked tail;
    Checked armed;
    TinySlot slot[2];
    Checked* body(std::uint64_t position) { return slot[position & 1].body; }
    const Checked* body(std::uint64_t position) const { return slot[position & 1].body; }
};

// What each run works on; made anew by setup().
struct World {
    TinyRing ring;
    std::uint64_t passed_over = 0;
    std::uint64_t got = 0, lost = 0, position = 0;
    bool torn = false, disorder = false;
};

auto filled(std::uint64_t value) {
    return [value](Checked* body) {
        const std::uint64_t words[2] = {value, value + 100};
        shm::store_words<2>(body, words);
    };
}

// Polls a few times, as a reader that is never waited for does.
void read(World& world, int polls) {
    protocol::Cursor<TinyRing> cursor(&world.ring, 0);
    std::uint64_t words[2] = {};
    std::uint64_t last = 0;
    for (int i = 0; i < polls; ++i) {
        const std::uint64_t before = cursor.next();
        const std::uint64_t lost = cursor.lost();
        if (cursor.poll([&](const Checked* body) { shm::load_words<2>(words, body); }) ==
            Poll::Got) {
            ++world.got;
            world.torn |= words[1] != words[0] + 100 || words[0] == 0;
            world.disorder |= words[0] == last;
            last = words[0];
            EXPECT_EQ(cursor.next(), before + 1 + (cursor.lost() - lost));
        }
    }
    world.lost = cursor.lost();
    world.position = cursor.next();
}

void publish_shared(World& world, std::uint64_t value) {
    const std::uint64_t next = world.ring.tail.load(std::memory_order_acquire);
    const std::uint64_t position =
        protocol::claim_shared(world.ring, next, [&world] { ++world.passed_over; });
    protocol::publish_claimed(world.ring, position, filled(value));
}

void expect_exact(const World& world) {
    EXPECT_FALSE(world.torn);
    EXPECT_FALSE(world.disorder);
    EXPECT_EQ(world.got + world.lost, world.position);
}

void report(const Explorer::Counts& counts) {
    ::testing::Test::RecordProperty("runs", std::to_string(counts.runs));
    ::testing::Test::RecordProperty("states", std::to_string(counts.states));
    std::printf("explored: %lu runs, %lu states, %lu cut\n", counts.runs, counts.states, counts.cut);
}

class Explore : public ::testing::Test {
  protected:
    void SetUp() override {
        if (test::kSanitized) {
            GTEST_SKIP() << "fibres are unknown to the sanitizers";
        }
    }
    std::unique_ptr<World> world_;
};

TEST_F(Explore, exclusive_writer_that_laps_its_reader_and_dies_anywhere_tears_nothing) {
    report(Explorer::explore(
        [&] {
            world_ = std::make_unique<World>();
            world_->ring.kind.store(1, std::memory_order_relaxed);
            return std::vector<Explorer::Thread>{
                {[&] {
                     for (std::uint64_t i = 0; i < 4; ++i) {
                         protocol::publish_exclusive(world_->ring, i, filled(i + 1));
                     }
                 },
                 true},
                {[&] { read(*world_, 3); }}};
        },
        [&] { expect_exact(*world_); }));
}

TEST_F(Explore, two_writers_of_a_shared_ring_that_die_anywhere_give_a_reader_whole_events_only) {
    report(Explorer::explore(
        [&] {
            world_ = std::make_unique<World>();
            return std::vector<Explorer::Thread>{{[&] { publish_shared(*world_, 1); }, true},
                                                 {[&] { publish_shared(*world_, 2); }, true},
                                                 {[&] { read(*world_, 2); }}};
        },
        [&] { expect_exact(*world_); }, 40));
}

TEST_F(Explore, writer_of_the_next_lap_never_takes_a_slot_that_is_being_written) {
    report(Explorer::explore(
        [&] {
            world_ = std::make_unique<World>();
            return std::vector<Explorer::Thread>{{[&] { publish_shared(*world_, 1); }, true},
                                                 {[&] {
                                                      publish_shared(*world_, 2);
                                                      publish_shared(*world_, 3);
                                                      publish_shared(*world_, 4);
                                                  }}};
        },
        [&] {
            read(*world_, 4);
            EXPECT_FALSE(world_->torn);
            EXPECT_EQ(world_->got + world_->lost, world_->position);
        },
        80));
}

// What wait() and publish() do at the end of their work: no order of the two leaves a sleeper with
// news. The event stands for the slot's word.
TEST_F(Explore, sleeper_that_is_armed_behind_the_barrier_misses_no_event) {
    report(Explorer::explore(
        [&] {
            world_ = std::make_unique<World>();
            TinyRing& ring = world_->ring;
            return std::vector<Explorer::Thread>{
                {[&ring] {
                    ring.slot[0].word.store(slot_word(0, State::Published), std::memory_order_release);
                    if (ring.armed.load(std::memory_order_relaxed) != 0) {
                        ring.armed.exchange(0, std::memory_order_acq_rel);
                    }
                }},
                {[&ring] {
                    std::uint64_t none = 0;
                    ring.armed.compare_exchange_strong(none, 7, std::memory_order_seq_cst);
                    Explorer::barrier();
                    if (!protocol::Cursor<TinyRing>(&ring, 0).has_news()) {
                        Explorer::sleep_while(ring.armed.location(), 7);
                    }
                }}};
        },
        [&] { EXPECT_FALSE(Explorer::asleep(1)) << "the event came and nobody woke the sleeper"; }));
}

// The same without the barrier is wrong, and the explorer finds it: it can see a lost wake.
TEST_F(Explore, finds_the_lost_wake_of_a_sleeper_without_a_barrier) {
    bool lost = false;
    report(Explorer::explore(
        [&] {
            world_ = std::make_unique<World>();
            TinyRing& ring = world_->ring;
            return std::vector<Explorer::Thread>{
                {[&ring] {
                    ring.tail.store(1, std::memory_order_release);
                    if (ring.armed.load(std::memory_order_relaxed) != 0) {
                        ring.armed.exchange(0, std::memory_order_acq_rel);
                    }
                }},
                {[&ring] {
                    std::uint64_t none = 0;
                    ring.armed.compare_exchange_strong(none, 7, std::memory_order_seq_cst);
                    if (ring.tail.load(std::memory_order_acquire) == 0) {
                        Explorer::sleep_while(ring.armed.location(), 7);
                    }
                }}};
        },
        [&] { lost |= Explorer::asleep(1); }));
    EXPECT_TRUE(lost);
}

}  // namespace
}  // namespace resonant::ring
