// A Subscription follows a ring: its cursor lives in its own memory, so a read-only mapping is
// enough, and it is told exactly how many events it lost.
//
// Threads and processes: any process that maps the ring; a Subscription belongs to one thread.
//
// Invariants: those of EventRing (event_ring.h), 1, 2, 5 and 6. A reader at the head follows slots;
// a reader that is behind takes whole batches, told ahead to the hardware.
#pragma once

#include <span>

#include "resonant/base/units.h"
#include "resonant/ring/event_ring.h"

namespace resonant::ring {

inline constexpr Nanos kSpinFor{50'000};  // HybridSpin spins this long before it sleeps

// BusySpin: lowest latency, takes a core. Yield: gives its core away between looks. HybridSpin:
// spins kSpinFor, then sleeps. Block: sleeps at once; waking takes 15-18 us.
enum class WaitStrategy : std::uint8_t { BusySpin, Yield, HybridSpin, Block };

class Subscription {
  public:
    // Reads over a mapped ring, from the newest event on (or from `position`: what is no longer
    // there is counted as lost). DataLoss when it is no ring.
    static Result<Subscription> over(const void* segment, std::size_t size_bytes);
    static Result<Subscription> over(const void* segment, std::size_t size_bytes,
                                     std::uint64_t position);

    // The next event; `target` holds nothing of use unless Got. Empty: none yet. Busy: the next one
    // is being written right now; a writer that stays at it while half a lap goes by is passed and
    // counted as lost.
    Poll poll(Event& target) {
        return cursor_.poll([&](const ConstBody& body) {
            unpack(target,
                   [&](std::size_t i) { return body[i].load(std::memory_order_acquire); });
        });
    }
    // The same for words as SharedWriter::publish_words() and ExclusiveWriter's put them.
    template <std::size_t Words>
        requires(Words <= kBodyWords)
    Poll poll_words(std::array<std::uint64_t, Words>& target) {
        return cursor_.poll(
            [&](const ConstBody& body) { load_body(target, body); });
    }
    // Up to `targets.size()` events at once; returns how many.
    std::size_t poll(std::span<Event> targets);
    // Gives up to `most` bodies to `each(const std::array<std::uint64_t, Words>&)`; returns how many.
    template <std::size_t Words, typename Each>
        requires(Words <= kBodyWords)
    std::size_t poll_batch(std::size_t most, const Each& each) {
        alignas(64) std::array<std::uint64_t, Words> words;
        protocol::Cursor<RingMemory> cursor = cursor_;  // in registers
        std::uint64_t head = cursor.memory()->tail.load(std::memory_order_acquire);
        std::size_t count = 0;
        for (; count < most; ++count) {
            if (cursor.next() >= head) {
                head = cursor.memory()->tail.load(std::memory_order_acquire);
            }
            prefetch<Words>(cursor, head);
            if (cursor.poll([&](const ConstBody& body) { load_body(words, body); }) != Poll::Got) {
                break;
            }
            each(words);
        }
        cursor_ = cursor;
        return count;
    }

    bool has_news() const { return cursor_.has_news(); }  // something came, or was missed
    std::uint64_t lost() const { return cursor_.lost(); }  // overwritten before this reader came
    std::uint64_t position() const { return cursor_.next(); }
    std::uint64_t lag() const;  // events waiting, about
    std::uint64_t epoch() const;
    // Sleeps until something is published or the time is over; the kernel process passes its ring
    // so that it can be armed. Others pass none: they sleep on the ring when somebody has armed it,
    // else poll with pauses that grow to 1 ms. True when there is news; a sleeper may return early
    // without.
    bool wait(EventRing* ring, WaitStrategy strategy, Nanos timeout);

  private:
    Subscription(const RingMemory* memory, std::uint64_t next) : cursor_(memory, next) {}

    // Tells the hardware what a reader that is behind will want.
    template <std::size_t Words>
    static void prefetch(const protocol::Cursor<RingMemory>& cursor, std::uint64_t head) {
        constexpr std::uint64_t kAhead = 24;
        if (cursor.next() + kAhead < head) {
            const ConstBody body = cursor.memory()->body(cursor.next() + kAhead);
            __builtin_prefetch(body.near);
            if constexpr (Words > kNearWords) {
                __builtin_prefetch(body.far);
            }
        }
    }
    bool spin(WaitStrategy strategy, Nanos until) const;
    bool sleep(EventRing* ring, Nanos until);

    protocol::Cursor<RingMemory> cursor_;
};

}  // namespace resonant::ring
