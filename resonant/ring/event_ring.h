// An EventRing is a fixed number of 128-byte slots in shared memory. Writers never wait: a slow reader
// loses the oldest events and is told exactly how many. (Seed: EventRing; after the LMAX Disruptor.)
//
// Threads and processes: any thread of the one writing process publishes (Shared kind); any process
// reads through a read-only mapping. A Subscription belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>

#include "resonant/base/result.h"
#include "resonant/base/units.h"
#include "resonant/ring/event.h"
#include "resonant/shm/segment.h"

namespace resonant::ring {

inline constexpr std::uint64_t kSlots = 65'536;
inline constexpr std::size_t kSlotBytes = 128;
inline constexpr std::size_t kBodyBytes = 120;
inline constexpr std::size_t kRingBytes = kSlots * kSlotBytes + 4096;  // a header page, then the slots

enum class WaitStrategy : std::uint8_t { BusySpin, Yield, HybridSpin, Block };

// (epoch, position): positions start again with each kernel.
struct Sequence {
    std::uint64_t epoch = 0;
    std::uint64_t position = 0;
};

class EventRing {
  public:
    static Result<std::unique_ptr<EventRing>> create(std::uint64_t epoch);
    EventRing(const EventRing&) = delete;
    EventRing& operator=(const EventRing&) = delete;
    ~EventRing();

    // Publishes; never waits, never fails. Returns the position. Wakes sleepers once when there are any.
    std::uint64_t publish(const Event& event);
    std::uint64_t head() const;   // position after the newest event
    std::uint64_t epoch() const;
    const shm::Segment& segment() const;

    // Says that a reader is about to sleep: the next publish wakes it. Returns the value to wait on, or 0
    // when there is news after `seen` already.
    std::uint32_t arm(std::uint64_t seen);

  private:
    struct Inner;
    explicit EventRing(std::unique_ptr<Inner> inner);
    std::unique_ptr<Inner> inner_;
};

enum class Poll : std::uint8_t { Got, Empty, Busy };

// One reader: its cursor lives in its own memory.
class Subscription {
  public:
    // Reads over a mapped ring, from the newest event on (or from `position`). DataLoss when it is no ring.
    static Result<Subscription> over(const void* segment, std::size_t size_bytes);
    static Result<Subscription> over(const void* segment, std::size_t size_bytes, std::uint64_t position);

    // The next event. Empty: none yet. Busy: the next one is being written right now.
    Poll poll(Event& target);
    // Up to `targets.size()` events at once; returns how many.
    std::size_t poll(std::span<Event> targets);
    std::uint64_t lost() const { return lost_; }          // events overwritten before this reader came
    std::uint64_t position() const { return next_; }
    std::uint64_t lag() const;                            // events waiting, about
    std::uint64_t epoch() const;
    // Sleeps until something is published or the time is over; the kernel process passes its ring so
    // that it can be armed, others poll with pauses. True when there is news.
    bool wait(EventRing* ring, WaitStrategy strategy, Nanos timeout);

  private:
    explicit Subscription(const std::byte* segment) : segment_(segment) {}
    const std::byte* segment_;
    std::uint64_t next_ = 0;
    std::uint64_t lost_ = 0;
};

}  // namespace resonant::ring
