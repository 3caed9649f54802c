// An EventRing is a fixed number of slots in shared memory. Writers never wait: a slow
// reader loses the oldest events and is told exactly how many. (Seed: EventRing; after the LMAX
// Disruptor.)
//
// Threads and processes: one process makes and writes a ring; in a shared ring any of its threads
// publishes, in an exclusive one the thread that holds its ExclusiveWriter. Any process reads
// through a read-only mapping (subscription.h).
//
// Invariants:
//   (1) Every position a reader moves past was either given to it or counted in lost().
//   (2) No event is ever delivered torn: a reader looks at the slot's word again after copying.
//   (3) A writer's events are read in the order of publishing. EventRing::publish() is a new writer
//       each time: two threads stopped in the middle of it for a whole lap of 65,536 events may
//       come late, and are then counted lost by readers already past.
//   (4) A writer that is killed leaves an unpublished slot in a ring that ends with it: the next
//       kernel makes a new ring with a new epoch.
//   (5) No wake is lost: arm() raises the flag, makes every publisher's core order its stores
//       (membarrier(2)), and only then looks for news. Publishing costs +0.1 ns when nobody sleeps.
//   (6) Publishing and polling allocate nothing.
//
// Memory ordering: everything done before publish() is visible to the reader that receives the
// event.
#pragma once

#include <array>
#include <memory>
#include <span>

#include "resonant/base/ensure.h"
#include "resonant/base/result.h"
#include "resonant/ring/event.h"
#include "resonant/ring/protocol.h"
#include "resonant/shm/segment.h"

namespace resonant::ring {

// (epoch, position): positions start again with each kernel.
struct Sequence {
    std::uint64_t epoch = 0;
    std::uint64_t position = 0;
};

class SharedWriter;
class ExclusiveWriter;

class EventRing {
  public:
    static Result<std::unique_ptr<EventRing>> create(std::uint64_t epoch, Kind kind = Kind::Shared);
    EventRing(const EventRing&) = delete;
    EventRing& operator=(const EventRing&) = delete;

    // Publishes into a shared ring, from any thread; never waits, never fails. Returns the
    // position. Wakes sleepers once when there are any.
    std::uint64_t publish(const Event& event);
    // A writer of one thread: faster than publish(), and its events keep their order. Shared ring.
    SharedWriter writer();
    // The one writer of an exclusive ring. Conflict when it is taken or the ring is shared.
    Result<ExclusiveWriter> exclusive_writer();

    Kind kind() const { return kind_; }
    std::uint64_t head() const;  // position after the newest event; exclusive: up to 15 less
    std::uint64_t epoch() const;
    // Positions no event got, because the slot's writer of a lap before was still at it.
    std::uint64_t passed_over() const { return passed_over_.load(std::memory_order_relaxed); }
    const shm::Segment& segment() const { return segment_; }

    // Says that a reader is about to sleep: the next publish wakes it. Returns the value to wait
    // on, or 0 when there is news after `seen` already.
    std::uint32_t arm(std::uint64_t seen);
    // Wakes everybody who sleeps on the ring, without news: for shutdown.
    void wake();

    // Fetches the two lines that will be written `ahead` events from now, for writing; it changes nothing. The hardware
    // foresees slots that are written one after the other, but not far words beside them: 7 ns an event instead of 5 on
    // Intel Sapphire Rapids. AMD's Zen 4 hides the misses by itself and loses 0.5 ns by the fetch: ahead() is 0 there.
    template <std::size_t Words>
    [[gnu::always_inline]] static void fetch_ahead(RingMemory* memory, std::uint64_t position,
                                                   std::uint64_t ahead) {
#if defined(__x86_64__)
        if (Words > kNearWords && ahead != 0) {
            const Body body = memory->body(position + ahead);
            asm volatile("prefetchw %0\n\tprefetchw %1" : : "m"(body.near[0]), "m"(body.far[0]));
        }
#endif
    }
    std::uint64_t ahead() const { return ahead_; }

  private:
    friend class SharedWriter;
    friend class ExclusiveWriter;
    EventRing(shm::Segment segment, Kind kind);

    std::uint64_t claim(std::uint64_t next) {
        return protocol::claim_shared(
            *memory_, next, [this] { passed_over_.fetch_add(1, std::memory_order_relaxed); });
    }
    // After publishing. The publishing store and this load must not change places, or a wake is
    // lost. The compiler is told here; the core is told by the sleeper: membarrier(2) in arm() puts
    // a fence into every running thread of this process between arming and looking for news. Either
    // the load comes after that fence and sees `armed`, or the store came before it and the sleeper
    // sees the news. Where membarrier(2) is refused, both sides change `armed` by a locked
    // instruction instead, and one of them comes second.
    [[gnu::always_inline]] static void wake_if_armed(RingMemory* memory, bool fenced) {
        std::atomic_signal_fence(std::memory_order_seq_cst);
        const std::uint32_t armed = fenced ? memory->armed.fetch_or(0, std::memory_order_acq_rel)
                                           : memory->armed.load(std::memory_order_relaxed);
        if (armed != 0) [[unlikely]] {
            wake_sleepers(memory);
        }
    }
    static void wake_sleepers(RingMemory* memory);
    shm::Segment segment_;
    RingMemory* memory_;
    Kind kind_;
    bool fenced_;  // membarrier(2) is refused here: publishers pay for a locked instruction instead
    std::uint64_t ahead_;  // what fetch_ahead() is given
    bool writer_taken_ = false;
    std::atomic<std::uint32_t> arming_{0};
    std::atomic<std::uint64_t> passed_over_{0};
};

static_assert(kPlainWords == kNearWords, "an event without a name is one line");

// Writes one thread's events into a shared ring. Valid as long as the ring.
class SharedWriter {
  public:
    std::uint64_t publish(const Event& event) {
        return put<kPlainWords>([&](const Body& body) { store_event(body, event); });
    }
    // Publishes words as they are; what they mean is between writer and readers.
    template <std::size_t Words>
        requires(Words <= kBodyWords)
    std::uint64_t publish_words(const std::array<std::uint64_t, Words>& words) {
        return put<Words>([&](const Body& body) { store_body(body, words); });
    }
    // Publishes all and wakes sleepers once. Returns the last position; `events` is not empty.
    std::uint64_t publish(std::span<const Event> events);

    static void store_event(const Body& body, const Event& event) {
        pack(event, [&](std::size_t i, std::uint64_t word) {
            body[i].store(word, std::memory_order_release);
        });
    }

  private:
    friend class EventRing;
    explicit SharedWriter(EventRing& ring)
        : ring_(&ring), next_(ring.memory_->tail.load(std::memory_order_acquire)) {}

    template <std::size_t Words, typename Fill>
    [[gnu::always_inline]] std::uint64_t put(const Fill& fill) {
        EventRing::fetch_ahead<Words>(ring_->memory_, next_, ring_->ahead_);
        const std::uint64_t position = ring_->claim(next_);
        protocol::publish_claimed(*ring_->memory_, position, fill);
        next_ = position + 1;
        EventRing::wake_if_armed(ring_->memory_, ring_->fenced_);
        return position;
    }

    EventRing* ring_;
    std::uint64_t next_;
};

// Writes an exclusive ring by plain stores: an event of 56 bytes takes 2.4 ns on Sapphire Rapids, where its line in and
// out of the core is the bound. Belongs to one thread; valid as long as the ring.
class ExclusiveWriter {
  public:
    std::uint64_t publish(const Event& event) {
        return put<kPlainWords>([&](const Body& body) { SharedWriter::store_event(body, event); });
    }
    template <std::size_t Words>
        requires(Words <= kBodyWords)
    std::uint64_t publish_words(const std::array<std::uint64_t, Words>& words) {
        return put<Words>([&](const Body& body) { store_body(body, words); });
    }
    std::uint64_t publish(std::span<const Event> events);
    std::uint64_t next() const { return next_; }

  private:
    friend class EventRing;
    explicit ExclusiveWriter(const EventRing& ring)
        : memory_(ring.memory_), ahead_(ring.ahead_), fenced_(ring.fenced_) {}

    template <std::size_t Words, typename Fill>
    [[gnu::always_inline]] std::uint64_t put(const Fill& fill) {
        const std::uint64_t position = next_++;
        EventRing::fetch_ahead<Words>(memory_, position, ahead_);
        protocol::publish_exclusive(*memory_, position, fill);
        EventRing::wake_if_armed(memory_, fenced_);
        return position;
    }

    RingMemory* memory_;
    std::uint64_t next_ = 0;
    std::uint64_t ahead_;
    bool fenced_;
};

}  // namespace resonant::ring
