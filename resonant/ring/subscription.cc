#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <ctime>

#include "resonant/ring/event_ring.h"
#include "resonant/ring/slot.h"
#include "resonant/shm/waiter.h"

namespace resonant::ring {
namespace {

constexpr std::uint64_t kLookAhead = 32;    // slots searched for a later position when none is here
constexpr std::uint32_t kEmptiesMask = 63;  // that search is made at every 64th empty poll
constexpr std::uint64_t kPrefetch = 12;     // slots ahead of a reader that is behind
constexpr Nanos kPauseMin{20'000};          // between looks of a reader that cannot arm the ring
constexpr Nanos kPauseMax{1'000'000};

// Waiting is real time, whatever clock the rest of the process runs by.
Nanos real_time() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return {static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec};
}

void pause_for(Nanos time) {
    const timespec length{time.count / 1'000'000'000, time.count % 1'000'000'000};
    ::nanosleep(&length, nullptr);
}

}  // namespace

Result<Subscription> Subscription::over(const void* segment, std::size_t size_bytes) {
    RESONANT_ASSIGN(Subscription subscription, over(segment, size_bytes, 0));
    subscription.next_ = subscription.memory_->tail.load(std::memory_order_acquire);
    return subscription;
}

Result<Subscription> Subscription::over(const void* segment, std::size_t size_bytes,
                                        std::uint64_t position) {
    const auto* memory = static_cast<const RingMemory*>(segment);
    if (segment == nullptr || size_bytes < kRingBytes) {
        return fail(Code::DataLoss, fmt::format("read a ring: {} bytes are mapped, a ring has {}",
                                                size_bytes, kRingBytes));
    }
    const std::uint64_t magic = memory->magic.load(std::memory_order_acquire);
    const std::uint64_t version = memory->version.load(std::memory_order_acquire);
    const std::uint64_t slots = memory->slots.load(std::memory_order_acquire);
    if (magic != kRingMagic || version != kRingVersion || slots != kSlots) {
        return fail(
            Code::DataLoss,
            fmt::format("read a ring: magic {:#x} version {} slots {}, wanted {:#x} {} {}; ask the "
                        "kernel for its ring again",
                        magic, version, slots, kRingMagic, kRingVersion, kSlots));
    }
    Subscription subscription(memory);
    subscription.next_ = std::min(position, memory->tail.load(std::memory_order_acquire));
    return subscription;
}

// Overtaken: goes to the oldest event that is left, or, when overtaken again on that very spot, to
// the middle of what is left, so that a fast writer cannot keep a reader from reading.
void Subscription::jump(std::uint64_t end) {
    const std::uint64_t head = std::max(end, memory_->tail.load(std::memory_order_acquire));
    const std::uint64_t keep = lapped_at_ == next_ ? kSlots / 2 : kSlots;
    const std::uint64_t target = std::max(head > keep ? head - keep : 0, next_ + 1);
    lost_ += target - next_;
    next_ = target;
    lapped_at_ = target;
}

// Whether a slot shortly after `next_` carries a later position: then `next_` was passed over.
bool Subscription::will_never_come() {
    if ((++empties_ & kEmptiesMask) != 0) {
        return false;
    }
    for (std::uint64_t position = next_ + 1; position <= next_ + kLookAhead; ++position) {
        const Slot& slot = memory_->slot[position & kSlotMask];
        if (end_of(slot.word.load(std::memory_order_acquire)) > position) {
            // Looked at once more: the writer may have come meanwhile.
            const Word& here = memory_->slot[next_ & kSlotMask].word;
            return end_of(here.load(std::memory_order_acquire)) <= next_;
        }
    }
    return false;
}

Poll Subscription::poll(Event& target) {
    for (;;) {
        const Slot& slot = memory_->slot[next_ & kSlotMask];
        const std::uint64_t word = slot.word.load(std::memory_order_acquire);
        if (end_of(word) == next_ + 1) [[likely]] {
            if (state_of(word) != State::Published) {
                if (memory_->tail.load(std::memory_order_acquire) <= next_ + kSlots / 2) {
                    return Poll::Busy;
                }
                ++lost_;
                ++next_;
                continue;
            }
            unpack(target,
                   [&](std::size_t i) { return slot.body[i].load(std::memory_order_acquire); });
            if (slot.word.load(std::memory_order_relaxed) != word) {
                continue;  // overtaken while copying
            }
            ++next_;
            return Poll::Got;
        }
        if (end_of(word) > next_ + 1) {
            jump(end_of(word));
        } else if (will_never_come()) {
            ++lost_;
            ++next_;
        } else {
            return Poll::Empty;
        }
    }
}

std::size_t Subscription::poll(std::span<Event> targets) {
    const std::uint64_t head = memory_->tail.load(std::memory_order_acquire);
    std::size_t count = 0;
    while (count < targets.size()) {
        if (next_ + kPrefetch < head) {
            __builtin_prefetch(&memory_->slot[(next_ + kPrefetch) & kSlotMask]);
            __builtin_prefetch(&memory_->slot[(next_ + kPrefetch) & kSlotMask].word);
        }
        if (poll(targets[count]) != Poll::Got) {
            break;
        }
        ++count;
    }
    return count;
}

std::uint64_t Subscription::lag() const {
    const std::uint64_t head = memory_->tail.load(std::memory_order_acquire);
    return head > next_ ? head - next_ : 0;
}

std::uint64_t Subscription::epoch() const { return memory_->epoch.load(std::memory_order_relaxed); }

bool Subscription::has_news() const {
    const Word& word = memory_->slot[next_ & kSlotMask].word;
    return end_of(word.load(std::memory_order_acquire)) > next_ ||
           memory_->tail.load(std::memory_order_acquire) > next_;
}

bool Subscription::spin(WaitStrategy strategy, Nanos until) const {
    for (std::uint32_t turn = 0;; ++turn) {
        if (has_news()) {
            return true;
        }
        if (strategy == WaitStrategy::Yield) {
            ::sched_yield();
        } else {
            shm::spin_pause();
        }
        if ((turn & 63) == 0 && real_time() >= until) {
            return has_news();
        }
    }
}

bool Subscription::sleep(EventRing* ring, Nanos until) {
    Nanos pause = kPauseMin;
    while (!has_news()) {
        const Nanos left = until - real_time();
        if (left.count <= 0) {
            return false;
        }
        if (ring != nullptr) {
            const std::uint32_t value = ring->arm(next_);
            if (value != 0) {
                shm::wait_while(memory_->armed, value, left);
            }
            return has_news();
        }
        const std::uint32_t armed = memory_->armed.load(std::memory_order_acquire);
        if (armed != 0) {
            shm::wait_while(memory_->armed, armed, std::min(left, kPauseMax));
        } else {
            pause_for(std::min(left, pause));
            pause = std::min(pause + pause, kPauseMax);
        }
    }
    return true;
}

bool Subscription::wait(EventRing* ring, WaitStrategy strategy, Nanos timeout) {
    const Nanos start = real_time();
    const Nanos until = start + timeout;
    switch (strategy) {
        case WaitStrategy::BusySpin:
        case WaitStrategy::Yield: return spin(strategy, until);
        case WaitStrategy::HybridSpin:
            return spin(strategy, std::min(until, start + kSpinFor)) || sleep(ring, until);
        case WaitStrategy::Block: return sleep(ring, until);
    }
    return false;
}

}  // namespace resonant::ring
