#include "resonant/ring/event_ring.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace resonant::ring {
namespace {

constexpr std::uint64_t kFetchAhead = 32;

// How far ahead writers fetch on this processor, in slots.
std::uint64_t fetch_ahead_here() {
#if defined(__x86_64__)
    return __builtin_cpu_is("intel") ? kFetchAhead : 0;
#else
    return 0;
#endif
}

long membarrier(int command) { return ::syscall(SYS_membarrier, command, 0, 0); }

}  // namespace

EventRing::EventRing(shm::Segment segment, Kind kind)
    : segment_(std::move(segment)),
      memory_(reinterpret_cast<RingMemory*>(segment_.writable())),
      kind_(kind),
      fenced_(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) != 0),
      ahead_(fetch_ahead_here()) {}

Result<std::unique_ptr<EventRing>> EventRing::create(std::uint64_t epoch, Kind kind) {
    RESONANT_ASSIGN(shm::Segment segment, shm::Segment::create("resonant-ring", Bytes{kRingBytes}));
    std::unique_ptr<EventRing> ring(new EventRing(std::move(segment), kind));
    RingMemory& memory = *ring->memory_;
    memory.epoch.store(epoch, std::memory_order_relaxed);
    memory.slots.store(kSlots, std::memory_order_relaxed);
    memory.kind.store(static_cast<std::uint64_t>(kind), std::memory_order_relaxed);
    memory.version.store(kRingVersion, std::memory_order_relaxed);
    memory.magic.store(kRingMagic, std::memory_order_release);
    return ring;
}

SharedWriter EventRing::writer() {
    RESONANT_ENSURE(kind_ == Kind::Shared, "an exclusive ring has one writer: exclusive_writer()");
    return SharedWriter(*this);
}

Result<ExclusiveWriter> EventRing::exclusive_writer() {
    if (kind_ != Kind::Exclusive || writer_taken_) {
        return fail(Code::Conflict, kind_ != Kind::Exclusive
                                        ? "take the exclusive writer: the ring is shared; use writer()"
                                        : "take the exclusive writer: the ring has one already");
    }
    writer_taken_ = true;
    return ExclusiveWriter(*this);
}

std::uint64_t EventRing::publish(const Event& event) { return writer().publish(event); }

std::uint64_t SharedWriter::publish(std::span<const Event> events) {
    RESONANT_ENSURE(!events.empty(), "a batch has at least one event");
    for (const Event& event : events) {
        const std::uint64_t position = ring_->claim(next_);
        protocol::publish_claimed(*ring_->memory_, position,
                                  [&](const Body& body) { store_event(body, event); });
        next_ = position + 1;
    }
    EventRing::wake_if_armed(ring_->memory_, ring_->fenced_);
    return next_ - 1;
}

std::uint64_t ExclusiveWriter::publish(std::span<const Event> events) {
    RESONANT_ENSURE(!events.empty(), "a batch has at least one event");
    for (const Event& event : events) {
        protocol::publish_exclusive(*memory_, next_++, [&](const Body& body) {
            SharedWriter::store_event(body, event);
        });
    }
    EventRing::wake_if_armed(memory_, fenced_);
    return next_ - 1;
}

std::uint64_t EventRing::head() const { return memory_->tail.load(std::memory_order_acquire); }
std::uint64_t EventRing::epoch() const { return memory_->epoch.load(std::memory_order_relaxed); }

void EventRing::wake_sleepers(RingMemory* memory) {
    if (memory->armed.exchange(0, std::memory_order_acq_rel) != 0) {
        shm::wake_all(memory->armed);
    }
}
void EventRing::wake() { wake_sleepers(memory_); }

std::uint32_t EventRing::arm(std::uint64_t seen) {
    std::uint32_t value = 0;
    while (value == 0) {
        value = arming_.fetch_add(1, std::memory_order_relaxed) + 1;
    }
    std::uint32_t present = 0;
    if (!memory_->armed.compare_exchange_strong(present, value, std::memory_order_seq_cst)) {
        value = present;  // others sleep on this one already
    }
    if (fenced_) {
        static_cast<void>(memory_->armed.fetch_or(0, std::memory_order_acq_rel));
    } else {
        RESONANT_ENSURE(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0,
                        "membarrier(2) was granted at the start");
    }
    return protocol::Cursor<RingMemory>(memory_, seen).has_news() ? 0 : value;
}

}  // namespace resonant::ring
