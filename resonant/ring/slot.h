// The memory of a ring: a header page, 65,536 slots of 64 bytes, and as many lines of 64 for what longer events have
// more, as every process maps it. It is a contract: docs/formats/ring.md describes it.
//
// The slot word is the whole protocol (protocol.h): position + 1 (52 bits) | writer (8 bits, 0 in
// the kernel's ring) | state (4 bits).
//
// Invariants:
//   (1) The kind is fixed when the ring is made: a plain store never meets a compare-exchange.
//   (2) `tail` says t: every position below t is claimed or passed over. It may lag, by less than
//       kTailStep in an exclusive ring, and nobody relies on it being exact.
//   (3) What different threads write at their own pace (tail, armed, slots) has 128-byte lines of its own. Two slots
//       share one; two threads that write one ring meet in it, and by its order they would wherever it lay.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "resonant/base/cacheline.h"
#include "resonant/shm/words.h"

namespace resonant::ring {

using Word = std::atomic<std::uint64_t>;

inline constexpr std::uint64_t kSlots = 65'536;
inline constexpr std::size_t kLineBytes = 64;
inline constexpr std::size_t kNearWords = 7;  // of a body, beside the slot word
inline constexpr std::size_t kFarWords = 8;   // of a body, elsewhere
inline constexpr std::size_t kBodyWords = kNearWords + kFarWords;
inline constexpr std::size_t kRingBytes = kSlots * 2 * kLineBytes + 4096;  // a header page, the slots, the far words
inline constexpr std::uint64_t kRingMagic = 0x32474E4952575352;  // "RSWRING2"
inline constexpr std::uint64_t kRingVersion = 3;
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

// A slot and an event without a name are one line; far words are touched by longer events only. Slots lie side by
// side: what comes from beyond the second-level cache are the lines that are written, in order, and no others (2.4 ns an
// event on Intel Sapphire Rapids; 4.6 with every other line left out, 5 with both of 128 bytes).
struct alignas(kLineBytes) Slot {
    Word word;
    Word near[kNearWords];
};
struct alignas(kLineBytes) Far {
    Word words[kFarWords];
};
inline constexpr std::size_t kNearAt = 8;

// The words of a body, wherever they are. `W` is Word or const Word.
template <typename W>
struct BodyOf {
    W* near;
    W* far;
    W& operator[](std::size_t i) const { return i < kNearWords ? near[i] : far[i - kNearWords]; }
};
using Body = BodyOf<Word>;
using ConstBody = BodyOf<const Word>;

template <std::size_t Words>
    requires(Words <= kBodyWords)
[[gnu::always_inline]] inline void store_body(const Body& body, const std::array<std::uint64_t, Words>& words) {
    shm::store_words<std::min(Words, kNearWords), kNearAt>(body.near, words.data());
    if constexpr (Words > kNearWords) {
        shm::store_words<Words - kNearWords, 0, kNearWords * 8>(body.far, words.data() + kNearWords);
    }
}
template <std::size_t Words>
    requires(Words <= kBodyWords)
[[gnu::always_inline]] inline void load_body(std::array<std::uint64_t, Words>& words, const ConstBody& body) {
    shm::load_words<std::min(Words, kNearWords), kNearAt>(words.data(), body.near);
    if constexpr (Words > kNearWords) {
        shm::load_words<Words - kNearWords, 0, kNearWords * 8>(words.data() + kNearWords, body.far);
    }
}

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
    Far far[kSlots];

    Body body(std::uint64_t position) {
        return {slot[position & (kSlots - 1)].near, far[position & (kSlots - 1)].words};
    }
    ConstBody body(std::uint64_t position) const {
        return {slot[position & (kSlots - 1)].near, far[position & (kSlots - 1)].words};
    }
};

static_assert(sizeof(Slot) == kLineBytes && sizeof(Far) == kLineBytes);
static_assert(offsetof(Slot, word) == 0 && offsetof(Slot, near) == kNearAt);
static_assert(sizeof(RingMemory) == kRingBytes);
static_assert(offsetof(RingMemory, magic) == 0 && offsetof(RingMemory, version) == 8);
static_assert(offsetof(RingMemory, epoch) == 16 && offsetof(RingMemory, slots) == 24);
static_assert(offsetof(RingMemory, kind) == 32);
static_assert(offsetof(RingMemory, tail) == 128);
static_assert(offsetof(RingMemory, armed) == 256);
static_assert(offsetof(RingMemory, slot) == 4096);
static_assert(offsetof(RingMemory, far) == 4096 + kSlots * kLineBytes);

}  // namespace resonant::ring
