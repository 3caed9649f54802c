// The memory of a ring: a header page and 65,536 slots of 128 bytes, as every process maps it. It
// is a contract: docs/formats/ring.md describes it.
//
// The slot word is the whole protocol (protocol.h): position + 1 (52 bits) | writer (8 bits, 0 in
// the kernel's ring) | state (4 bits).
//
// Invariants:
//   (1) The kind is fixed when the ring is made: a plain store never meets a compare-exchange.
//   (2) `tail` says t: every position below t is claimed or passed over. It may lag, by less than
//       kTailStep in an exclusive ring, and nobody relies on it being exact.
//   (3) What different threads write at their own pace (tail, armed, slots) has 128-byte lines of
//       its own.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "resonant/base/cacheline.h"

namespace resonant::ring {

using Word = std::atomic<std::uint64_t>;

inline constexpr std::uint64_t kSlots = 65'536;
inline constexpr std::size_t kSlotBytes = 128;
inline constexpr std::size_t kBodyWords = 15;
inline constexpr std::size_t kBodyBytes = kBodyWords * 8;
inline constexpr std::size_t kRingBytes =
    kSlots * kSlotBytes + 4096;  // a header page, then the slots
inline constexpr std::uint64_t kRingMagic = 0x32474E4952575352;  // "RSWRING2"
inline constexpr std::uint64_t kRingVersion = 2;
inline constexpr std::uint64_t kTailStep = 16;

// Shared: any thread of the writing process publishes. Exclusive: one writer, plain stores only.
enum class Kind : std::uint64_t { Shared = 0, Exclusive = 1 };

enum class State : std::uint64_t { Free = 0, Writing = 1, Published = 2 };

constexpr std::uint64_t slot_word(std::uint64_t position, State state) {
    return (position + 1) << 12 | static_cast<std::uint64_t>(state);
}
constexpr std::uint64_t end_of(std::uint64_t word) {
    return word >> 12;
}  // position + 1; 0: never used
constexpr State state_of(std::uint64_t word) { return static_cast<State>(word & 15); }

struct alignas(kCacheLine) Slot {
    Word body[kBodyWords];  // first, so that 64 bytes of it are one aligned line
    Word word;
};

struct RingMemory {
    static constexpr std::uint64_t kSlotCount = kSlots;
    Word magic;
    Word version;
    Word epoch;
    Word slots;
    Word kind;
    alignas(kCacheLine) Word tail;
    alignas(kCacheLine) std::atomic<std::uint32_t> armed;  // not 0: somebody sleeps on it
    alignas(4096) Slot slot[kSlots];
};

static_assert(sizeof(Slot) == kSlotBytes && sizeof(Slot::body) == kBodyBytes);
static_assert(offsetof(Slot, word) == kBodyBytes);
static_assert(sizeof(RingMemory) == kRingBytes);
static_assert(offsetof(RingMemory, magic) == 0 && offsetof(RingMemory, version) == 8);
static_assert(offsetof(RingMemory, epoch) == 16 && offsetof(RingMemory, slots) == 24);
static_assert(offsetof(RingMemory, kind) == 32);
static_assert(offsetof(RingMemory, tail) == 128);
static_assert(offsetof(RingMemory, armed) == 256);
static_assert(offsetof(RingMemory, slot) == 4096);

}  // namespace resonant::ring
