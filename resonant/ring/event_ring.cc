#include "resonant/ring/event_ring.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "resonant/base/ensure.h"
#include "resonant/ring/slot.h"
#include "resonant/shm/waiter.h"

namespace resonant::ring {
namespace {

// Two writers that take every other slot pay a line transfer an event; one that waits a moment lets
// both write bursts: 5.7 ns an event with 16 pauses, 36 ns with none.
constexpr int kStepAside = 16;

long membarrier(int command) { return ::syscall(SYS_membarrier, command, 0, 0); }

}  // namespace

struct EventRing::Inner {
    shm::Segment segment;
    RingMemory* memory;
    bool fenced;  // membarrier(2) is refused here: publishers pay for a locked instruction instead
    std::atomic<std::uint32_t> arming{0};
    std::atomic<std::uint64_t> passed_over{0};

    explicit Inner(shm::Segment made)
        : segment(std::move(made)),
          memory(reinterpret_cast<RingMemory*>(segment.writable())),
          fenced(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) != 0) {}

    // Claims the first free position at or after the tail.
    Slot& claim(std::uint64_t& position) {
        position = memory->tail.load(std::memory_order_acquire);
        for (int misses = 0;;) {
            Slot& slot = memory->slot[position & kSlotMask];
            std::uint64_t word = slot.word.load(std::memory_order_acquire);
            if (end_of(word) > position) {  // taken, by this lap or a later one
                if (misses++ > 0) {         // the first miss is only news, the second is a rival
                    step_aside();
                }
                const std::uint64_t tail = memory->tail.load(std::memory_order_acquire);
                position = end_of(word) > tail ? end_of(word) : tail;
            } else if (state_of(word) == State::Writing) {  // pinned
                passed_over.fetch_add(1, std::memory_order_relaxed);
                ++position;
            } else if (slot.word.compare_exchange_strong(word, slot_word(position, State::Writing),
                                                         std::memory_order_acq_rel,
                                                         std::memory_order_relaxed)) {
                return slot;
            } else {
                ++misses;
                step_aside();
            }
        }
    }

    static void step_aside() {
        for (int i = 0; i < kStepAside; ++i) {
            shm::spin_pause();
        }
    }

    void wake_sleepers() {
        if (memory->armed.exchange(0, std::memory_order_acq_rel) != 0) {
            shm::wake_all(memory->armed);
        }
    }
};

EventRing::EventRing(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
EventRing::~EventRing() = default;

Result<std::unique_ptr<EventRing>> EventRing::create(std::uint64_t epoch) {
    RESONANT_ASSIGN(shm::Segment segment, shm::Segment::create("resonant-ring", Bytes{kRingBytes}));
    std::unique_ptr<EventRing> ring(new EventRing(std::make_unique<Inner>(std::move(segment))));
    RingMemory& memory = *ring->inner_->memory;
    memory.epoch.store(epoch, std::memory_order_relaxed);
    memory.slots.store(kSlots, std::memory_order_relaxed);
    memory.version.store(kRingVersion, std::memory_order_relaxed);
    memory.magic.store(kRingMagic, std::memory_order_release);
    return ring;
}

std::uint64_t EventRing::publish(const Event& event) {
    RingMemory& memory = *inner_->memory;
    std::uint64_t position = 0;
    Slot& slot = inner_->claim(position);
    // The tail only rises, but for a race of two whole claims that readers do not mind (slot.h, 3).
    if (memory.tail.load(std::memory_order_relaxed) <= position) {
        memory.tail.store(position + 1, std::memory_order_release);
    }
    // Release stores stay behind the claim, so a reader that copies them sees the word changed.
    pack(event, [&](std::size_t i, std::uint64_t word) {
        slot.body[i].store(word, std::memory_order_release);
    });
    slot.word.store(slot_word(position, State::Published), std::memory_order_release);
    // The store above and the load below must not change places, or a wake is lost. The compiler is
    // told here; the core is told by the sleeper: membarrier(2) in arm() puts a fence into every
    // running thread of this process between arming and looking for news. Either the load comes
    // after that fence and sees `armed`, or the store came before it and the sleeper sees the news.
    // Where membarrier(2) is refused, both sides change `armed` by a locked instruction instead,
    // and one of them comes second.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    const std::uint32_t armed = inner_->fenced ? memory.armed.fetch_or(0, std::memory_order_acq_rel)
                                               : memory.armed.load(std::memory_order_relaxed);
    if (armed != 0) [[unlikely]] {
        inner_->wake_sleepers();
    }
    return position;
}

std::uint64_t EventRing::head() const {
    return inner_->memory->tail.load(std::memory_order_acquire);
}
std::uint64_t EventRing::epoch() const {
    return inner_->memory->epoch.load(std::memory_order_relaxed);
}
std::uint64_t EventRing::passed_over() const {
    return inner_->passed_over.load(std::memory_order_relaxed);
}
const shm::Segment& EventRing::segment() const { return inner_->segment; }
void EventRing::wake() { inner_->wake_sleepers(); }

std::uint32_t EventRing::arm(std::uint64_t seen) {
    RingMemory& memory = *inner_->memory;
    std::uint32_t value = 0;
    while (value == 0) {
        value = inner_->arming.fetch_add(1, std::memory_order_relaxed) + 1;
    }
    std::uint32_t present = 0;
    if (!memory.armed.compare_exchange_strong(present, value, std::memory_order_seq_cst)) {
        value = present;  // others sleep on this one already
    }
    if (inner_->fenced) {
        static_cast<void>(memory.armed.fetch_or(0, std::memory_order_acq_rel));
    } else {
        RESONANT_ENSURE(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0,
                        "membarrier(2) was granted at the start");
    }
    return memory.tail.load(std::memory_order_seq_cst) > seen ? 0 : value;
}

}  // namespace resonant::ring
