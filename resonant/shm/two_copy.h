// A TwoCopy is a group of words in shared memory that is always read whole. It has two copies and a
// number that says which is the newest; a write fills the other copy and then flips.
//
// Threads and processes: one writer at a time (the caller serialises); any number of readers
// anywhere.
//
// Invariants:
//   (1) Version n of the group lies in copy n & 1, and `newest` names the last one that is
//       complete.
//   (2) A copy that is being written has a version that no reader asks for.
//   (3) A reader never waits for a writer. It starts again only when the writer finished two writes
//       while it read once. A writer killed between any two instructions leaves the old group or
//       the new one.
//
// Memory ordering: each word of a write is a release store, so it stays behind the mark that takes
// the copy away; each word of a read is an acquire load, so the second look at the version stays
// behind it (words.h). On x86 these are plain moves. After the seqlock (Linux) and left-right (Ramalhete and
// Correia).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "resonant/base/ensure.h"
#include "resonant/shm/words.h"

namespace resonant::shm {

// `Word` is the atomic word; tests put a checked one in its place (tests/shm/explore_test.cc).
template <std::size_t Words, typename Word = std::atomic<std::uint64_t>>
class TwoCopy {
  public:
    using Group = std::array<std::uint64_t, Words>;

    // Replaces the group. O(Words), no allocation.
    void write(const Group& group) {
        const std::uint64_t version = newest_.load(std::memory_order_relaxed) + 1;
        Copy& copy = copies_[version & 1];
        copy.version.store(kBeingWritten, std::memory_order_relaxed);
        for (std::size_t i = 0; i < Words; ++i) {
            copy.words[i].store(group[i], std::memory_order_release);
        }
        copy.version.store(version, std::memory_order_release);
        newest_.store(version, std::memory_order_release);
    }

    // Tries once; false when the writer was two writes ahead meanwhile, or the bytes are no TwoCopy.
    // `Value` is plain and as long as the words.
    template <typename Value>
    [[gnu::always_inline]] bool try_read(Value& value) const {
        static_assert(std::is_trivially_copyable_v<Value> && sizeof(Value) == Words * 8);
        const std::uint64_t version = newest_.load(std::memory_order_acquire);
        // A branch that is foretold, not an address that is waited for.
        if ((version & 1) != 0) {
            return try_copy(copies_[1], version, value);
        }
        return try_copy(copies_[0], version, value);
    }

    // Fills `value` with the newest whole group. Two tries are rare; kTriesMax in a row mean that the
    // memory is damaged.
    template <typename Value>
    [[gnu::always_inline]] void read(Value& value) const {
        if (!try_read(value)) [[unlikely]] {
            read_again(value);
        }
    }
    Group read() const {
        Group group;
        read(group);
        return group;
    }

    std::uint64_t version() const { return newest_.load(std::memory_order_acquire); }

  private:
    struct alignas(64) Copy {
        Word version;
        Word words[Words];
    };

    static constexpr std::uint64_t kBeingWritten = ~std::uint64_t{0};
    static constexpr std::uint32_t kTriesMax = 1'000'000;

    template <typename Value>
    [[gnu::always_inline]] static bool try_copy(const Copy& copy, std::uint64_t version,
                                                Value& value) {
        // No look before: who read `newest` sees its words or newer ones, and a newer word brings the
        // mark that was stored before it, which the look after finds.
        load_words<Words>(&value, copy.words);
        if (copy.version.load(std::memory_order_relaxed) == version) [[likely]] {
            return true;
        }
        return false;
    }

    template <typename Value>
    [[gnu::noinline]] void read_again(Value& value) const {
        for (std::uint32_t tries = 1; !try_read(value); ++tries) {
            RESONANT_ENSURE(tries < kTriesMax,
                            "a group in shared memory has no whole copy: it is damaged");
        }
    }


    alignas(64) Word newest_;
    Copy copies_[2];
};

static_assert(sizeof(TwoCopy<7>) == 192 && sizeof(TwoCopy<8>) == 320);

}  // namespace resonant::shm
