// An EventRing is a fixed number of 128-byte slots in shared memory. Writers never wait: a slow
// reader loses the oldest events and is told exactly how many. (Seed: EventRing; after the LMAX
// Disruptor.)
//
// Threads and processes: any thread of the one writing process publishes; any process reads through
// a read-only mapping. A Subscription belongs to one thread.
//
// Invariants:
//   (1) Every position a reader moves past was either given to it or counted in lost().
//   (2) No event is ever delivered torn: a reader looks at the slot's word again after copying.
//   (3) A thread's events are read in the order of publishing, unless two threads were stopped in
//       the middle of publish() for a whole lap of 65,536 events; then one may come late and is
//       counted lost by readers already past it.
//   (4) A writer that is killed leaves an unpublished slot in a ring that ends with it: the next
//       kernel makes a new ring with a new epoch.
//   (5) No wake is lost: arm() raises the flag, makes every publisher's core order its stores
//       (membarrier(2)), and only then looks for news. Publishing costs +0.1 ns when nobody sleeps.
//   (6) Publishing and polling allocate nothing.
//
// Memory ordering: everything done before publish() is visible to the reader that receives the
// event.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "resonant/base/result.h"
#include "resonant/base/units.h"
#include "resonant/ring/event.h"
#include "resonant/shm/segment.h"

namespace resonant::ring {

inline constexpr std::uint64_t kSlots = 65'536;
inline constexpr std::size_t kSlotBytes = 128;
inline constexpr std::size_t kBodyBytes = 120;
inline constexpr std::size_t kRingBytes =
    kSlots * kSlotBytes + 4096;           // a header page, then the slots
inline constexpr Nanos kSpinFor{50'000};  // HybridSpin spins this long before it sleeps

// BusySpin: lowest latency, takes a core. Yield: gives its core away between looks. HybridSpin:
// spins kSpinFor, then sleeps. Block: sleeps at once; waking takes 15-18 us.
enum class WaitStrategy : std::uint8_t { BusySpin, Yield, HybridSpin, Block };

// (epoch, position): positions start again with each kernel.
struct Sequence {
    std::uint64_t epoch = 0;
    std::uint64_t position = 0;
};

struct RingMemory;

class EventRing {
  public:
    static Result<std::unique_ptr<EventRing>> create(std::uint64_t epoch);
    EventRing(const EventRing&) = delete;
    EventRing& operator=(const EventRing&) = delete;
    ~EventRing();

    // Publishes; never waits, never fails. Returns the position. Wakes sleepers once when there are
    // any.
    std::uint64_t publish(const Event& event);
    std::uint64_t head() const;  // position after the newest event
    std::uint64_t epoch() const;
    // Positions no event got, because the slot's writer of a lap before was still at it.
    std::uint64_t passed_over() const;
    const shm::Segment& segment() const;

    // Says that a reader is about to sleep: the next publish wakes it. Returns the value to wait
    // on, or 0 when there is news after `seen` already.
    std::uint32_t arm(std::uint64_t seen);
    // Wakes everybody who sleeps on the ring, without news: for shutdown.
    void wake();

  private:
    struct Inner;
    explicit EventRing(std::unique_ptr<Inner> inner);
    std::unique_ptr<Inner> inner_;
};

enum class Poll : std::uint8_t { Got, Empty, Busy };

// One reader: its cursor lives in its own memory.
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
    Poll poll(Event& target);
    // Up to `targets.size()` events at once; returns how many.
    std::size_t poll(std::span<Event> targets);
    std::uint64_t lost() const { return lost_; }  // events overwritten before this reader came
    std::uint64_t position() const { return next_; }
    std::uint64_t lag() const;  // events waiting, about
    std::uint64_t epoch() const;
    // Sleeps until something is published or the time is over; the kernel process passes its ring
    // so that it can be armed. Others pass none: they sleep on the ring when somebody has armed it,
    // else poll with pauses that grow to 1 ms. True when there is news; a sleeper may return early
    // without.
    bool wait(EventRing* ring, WaitStrategy strategy, Nanos timeout);

  private:
    explicit Subscription(const RingMemory* memory) : memory_(memory) {}
    bool has_news() const;
    void jump(std::uint64_t end);
    bool will_never_come();
    bool spin(WaitStrategy strategy, Nanos until) const;
    bool sleep(EventRing* ring, Nanos until);

    const RingMemory* memory_;
    std::uint64_t next_ = 0;
    std::uint64_t lost_ = 0;
    std::uint64_t lapped_at_ = ~std::uint64_t{0};  // where the last jump landed
    std::uint32_t empties_ = 0;
};

}  // namespace resonant::ring
