#include "resonant/ring/subscription.h"

#include <fmt/core.h>
#include <sched.h>

#include <algorithm>
#include <ctime>

#include "resonant/shm/waiter.h"

namespace resonant::ring {
namespace {

constexpr Nanos kPauseMin{20'000};  // between looks of a reader that cannot arm the ring
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

// Where the ring ends now: the tail, and what an exclusive writer has published beyond it.
std::uint64_t head_of(const RingMemory& memory) {
    std::uint64_t head = memory.tail.load(std::memory_order_acquire);
    for (std::uint64_t i = 0; i < kTailStep; ++i, ++head) {
        const Word& word = memory.slot[head & (kSlots - 1)].word;
        if (word.load(std::memory_order_acquire) != slot_word(head, State::Published)) {
            break;
        }
    }
    return head;
}

}  // namespace

Result<Subscription> Subscription::over(const void* segment, std::size_t size_bytes) {
    return over(segment, size_bytes, ~std::uint64_t{0});
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
    return Subscription(memory, std::min(position, head_of(*memory)));
}

std::size_t Subscription::poll(std::span<Event> targets) {
    const std::uint64_t head = cursor_.memory()->tail.load(std::memory_order_acquire);
    std::size_t count = 0;
    for (; count < targets.size(); ++count) {
        prefetch<kPlainWords>(cursor_, head);
        if (poll(targets[count]) != Poll::Got) {
            break;
        }
    }
    return count;
}

std::uint64_t Subscription::lag() const {
    const std::uint64_t head = cursor_.memory()->tail.load(std::memory_order_acquire);
    return head > position() ? head - position() : 0;
}

std::uint64_t Subscription::epoch() const {
    return cursor_.memory()->epoch.load(std::memory_order_relaxed);
}

bool Subscription::spin(WaitStrategy strategy, Nanos until) const {
    for (std::uint32_t turn = 0;; ++turn) {
        if (cursor_.has_news()) {
            return true;
        }
        if (strategy == WaitStrategy::Yield) {
            ::sched_yield();
        } else {
            shm::spin_pause();
        }
        if ((turn & 63) == 0 && real_time() >= until) {
            return cursor_.has_news();
        }
    }
}

bool Subscription::sleep(EventRing* ring, Nanos until) {
    Nanos pause = kPauseMin;
    while (!cursor_.has_news()) {
        const Nanos left = until - real_time();
        if (left.count <= 0) {
            return false;
        }
        if (ring != nullptr) {
            const std::uint32_t value = ring->arm(position());
            if (value != 0) {
                shm::wait_while(cursor_.memory()->armed, value, left);
            }
            return cursor_.has_news();
        }
        const std::uint32_t armed = cursor_.memory()->armed.load(std::memory_order_acquire);
        if (armed != 0) {
            shm::wait_while(cursor_.memory()->armed, armed, std::min(left, kPauseMax));
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
