// The memory of a ring: a header page and 65,536 slots of 128 bytes, as every process maps it. It
// is a contract: docs/formats/ring.md describes it.
//
// The slot word is the whole protocol: position + 1 (52 bits) | writer (8 bits, 0 in the kernel's
// ring) | state (4 bits).
//
// Invariants:
//   (1) A slot is taken by ONE compare-exchange that writes position and Writing together.
//   (2) Pin: a slot whose word says Writing belongs to its writer until that writer publishes. A
//       writer of the next lap passes over it (one position is lost), it never takes it. So two
//       writers never store to one slot at a time, publishing is a plain store, and no checksum is
//       needed.
//   (3) `tail` says t: every position below t is claimed or passed over. It may lag, and nobody
//       relies on it being exact while a claim is under way.
//   (4) What different threads write at their own pace (tail, armed, slots) has 128-byte lines of
//       its own.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "resonant/base/cacheline.h"
#include "resonant/ring/event_ring.h"

namespace resonant::ring {

using Word = std::atomic<std::uint64_t>;

inline constexpr std::uint64_t kRingMagic = 0x32474E4952575352;  // "RSWRING2"
inline constexpr std::uint64_t kRingVersion = 2;
inline constexpr std::uint64_t kSlotMask = kSlots - 1;

enum class State : std::uint64_t { Free = 0, Writing = 1, Published = 2 };

constexpr std::uint64_t slot_word(std::uint64_t position, State state) {
    return (position + 1) << 12 | static_cast<std::uint64_t>(state);
}
constexpr std::uint64_t end_of(std::uint64_t word) {
    return word >> 12;
}  // position + 1; 0: never used
constexpr State state_of(std::uint64_t word) { return static_cast<State>(word & 15); }

struct alignas(kCacheLine) Slot {
    Word body[15];  // first, so that the 56 bytes of a plain event lie in one 64-byte line
    Word word;
};

struct RingMemory {
    Word magic;
    Word version;
    Word epoch;
    Word slots;
    alignas(kCacheLine) Word tail;
    alignas(kCacheLine) std::atomic<std::uint32_t> armed;  // not 0: somebody sleeps on it
    alignas(4096) Slot slot[kSlots];
};

static_assert(sizeof(Slot) == kSlotBytes && sizeof(Slot::body) == kBodyBytes);
static_assert(offsetof(Slot, word) == kBodyBytes);
static_assert(sizeof(RingMemory) == kRingBytes);
static_assert(offsetof(RingMemory, tail) == 128);
static_assert(offsetof(RingMemory, armed) == 256);
static_assert(offsetof(RingMemory, slot) == 4096);

}  // namespace resonant::ring
