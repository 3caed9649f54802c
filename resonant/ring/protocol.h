// What writers and readers of a ring do to its words, step by step, and nothing else. Templates over
// the memory, so that tests run these very lines on checked atomics through every interleaving and
// every stale value (tests/ring/explore_test.cc); EventRing and Subscription run them on RingMemory.
//
// Any thread, as said at each function.
//
// Invariants:
//   (1) In a shared ring a slot is taken by ONE compare-exchange that writes position and Writing
//       together.
//   (2) Pin: a slot whose word says Writing belongs to its writer until that writer publishes. A
//       writer of the next lap passes over it (one position is lost), it never takes it. So two
//       writers never store to one slot at a time, publishing is a plain store, and no checksum is
//       needed.
//   (3) Readers copy, then look at the word again: unchanged means whole.
//
// Memory ordering: a body's words are release stores, so they stay behind the mark that says
// Writing, and acquire loads, so the second look at the word stays behind them (shm/words.h).
#pragma once

#include <algorithm>
#include <cstdint>

#include "resonant/ring/slot.h"
#include "resonant/shm/waiter.h"
#include "resonant/shm/words.h"

namespace resonant::ring {

enum class Poll : std::uint8_t { Got, Empty, Busy };

namespace protocol {

// Two writers that take every other slot pay a line transfer an event; one that waits a moment lets
// both write bursts: 5.7 ns an event with 16 pauses, 36 ns with none.
inline void step_aside() {
    for (int i = 0; i < 16; ++i) {
        shm::spin_pause();
    }
}

// Publishes at `position` of an exclusive ring: its one writer only. `fill` stores the body.
template <typename Memory, typename Fill>
void publish_exclusive(Memory& memory, std::uint64_t position, const Fill& fill) {
    auto& slot = memory.slot[position & (Memory::kSlotCount - 1)];
    slot.word.store(slot_word(position, State::Writing), std::memory_order_relaxed);
    fill(memory.body(position));
    slot.word.store(slot_word(position, State::Published), std::memory_order_release);
    if (((position + 1) & (kTailStep - 1)) == 0) {
        memory.tail.store(position + 1, std::memory_order_release);
    }
}

// Claims the first free position of a shared ring at or after `next`; any thread of the writing
// process. `passed_over()` is called for each position that nobody gets.
template <typename Memory, typename PassedOver>
std::uint64_t claim_shared(Memory& memory, std::uint64_t next, const PassedOver& passed_over) {
    std::uint64_t position = next;
    for (int misses = 0;;) {
        auto& slot = memory.slot[position & (Memory::kSlotCount - 1)];
        std::uint64_t word = slot.word.load(std::memory_order_acquire);
        if (end_of(word) > position) {  // taken, by this lap or a later one
            if (misses++ > 0) {         // the first miss is only news, the second is a rival
                step_aside();
            }
            position = std::max(end_of(word), memory.tail.load(std::memory_order_acquire));
        } else if (state_of(word) == State::Writing) {  // pinned
            passed_over();
            ++position;
        } else if (slot.word.compare_exchange_strong(word, slot_word(position, State::Writing),
                                                     std::memory_order_acq_rel,
                                                     std::memory_order_relaxed)) {
            return position;
        } else {
            ++misses;
            step_aside();
        }
    }
}

// Fills and publishes a position that this thread has claimed.
template <typename Memory, typename Fill>
void publish_claimed(Memory& memory, std::uint64_t position, const Fill& fill) {
    auto& slot = memory.slot[position & (Memory::kSlotCount - 1)];
    // The tail only rises, but for a race of two whole claims that readers do not mind.
    if (memory.tail.load(std::memory_order_relaxed) <= position) {
        memory.tail.store(position + 1, std::memory_order_release);
    }
    fill(memory.body(position));
    slot.word.store(slot_word(position, State::Published), std::memory_order_release);
}

// A reader's place in the ring, in its own memory. One thread.
template <typename Memory>
class Cursor {
  public:
    Cursor(const Memory* memory, std::uint64_t next) : memory_(memory), next_(next) {}

    // The next event: `copy` is given its body and takes out what it wants; that is of use only when
    // the answer is Got. Empty: none yet. Busy: it is being written right now; a writer that stays
    // at it while half a lap goes by is passed and counted as lost.
    template <typename Copy>
    [[gnu::always_inline]] Poll poll(const Copy& copy) {
        for (;;) {
            const auto& slot = memory_->slot[next_ & kMask];
            const std::uint64_t word = slot.word.load(std::memory_order_acquire);
            if (word == slot_word(next_, State::Published)) [[likely]] {
                copy(memory_->body(next_));
                if (slot.word.load(std::memory_order_relaxed) == word) [[likely]] {
                    ++next_;
                    return Poll::Got;
                }
            } else if (!pass(word)) {
                return end_of(word) == next_ + 1 ? Poll::Busy : Poll::Empty;
            }
        }
    }

    // Whether something may have come at or after the place.
    bool has_news() const {
        const auto& slot = memory_->slot[next_ & kMask];
        return end_of(slot.word.load(std::memory_order_acquire)) > next_ ||
               memory_->tail.load(std::memory_order_acquire) > next_;
    }

    const Memory* memory() const { return memory_; }
    std::uint64_t next() const { return next_; }
    std::uint64_t lost() const { return lost_; }

  private:
    static constexpr std::uint64_t kMask = Memory::kSlotCount - 1;
    static constexpr std::uint64_t kLookAhead = std::min<std::uint64_t>(32, Memory::kSlotCount);
    static constexpr std::uint32_t kEmptiesMask = Memory::kSlotCount > 64 ? 63 : 0;

    // Moves on from a place where no whole event will be read any more; false when one may come.
    bool pass(std::uint64_t word) {
        if (end_of(word) > next_ + 1) {
            jump(end_of(word));
            return true;
        }
        const bool over = end_of(word) == next_ + 1
                              ? memory_->tail.load(std::memory_order_acquire) >
                                    next_ + std::max<std::uint64_t>(Memory::kSlotCount / 2, 1)
                              : will_never_come();
        next_ += over;
        lost_ += over;
        return over;
    }

    // Overtaken: goes to the oldest event that is surely left (`behind`: how far the tail of an
    // exclusive ring may lag), or, when overtaken again on that very
    // spot, to the middle of what is left, so that a fast writer cannot keep a reader from reading.
    void jump(std::uint64_t end) {
        const std::uint64_t head = std::max(end, memory_->tail.load(std::memory_order_acquire));
        const std::uint64_t behind = memory_->kind.load(std::memory_order_relaxed) == 0
                                         ? 0
                                         : std::min(kTailStep, Memory::kSlotCount / 2);
        const std::uint64_t keep =
            lapped_at_ == next_ ? Memory::kSlotCount / 2 : Memory::kSlotCount - behind;
        const std::uint64_t target = std::max(head > keep ? head - keep : 0, next_ + 1);
        lost_ += target - next_;
        next_ = target;
        lapped_at_ = target;
    }

    // Whether a slot shortly after carries a later position: then this one was passed over. The
    // search is made at every 64th empty poll.
    bool will_never_come() {
        if ((++empties_ & kEmptiesMask) != 0) {
            return false;
        }
        for (std::uint64_t position = next_ + 1; position <= next_ + kLookAhead; ++position) {
            const auto& slot = memory_->slot[position & kMask];
            if (end_of(slot.word.load(std::memory_order_acquire)) > position) {
                // Looked at once more: the writer may have come meanwhile.
                const auto& here = memory_->slot[next_ & kMask].word;
                return end_of(here.load(std::memory_order_acquire)) <= next_;
            }
        }
        return false;
    }

    const Memory* memory_;
    std::uint64_t next_;
    std::uint64_t lost_ = 0;
    std::uint64_t lapped_at_ = ~std::uint64_t{0};  // where the last jump landed
    std::uint32_t empties_ = 0;
};

}  // namespace protocol
}  // namespace resonant::ring
