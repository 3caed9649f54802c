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
// behind it. On x86 these are plain moves. After the seqlock (Linux) and left-right (Ramalhete and
// Correia).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "resonant/base/ensure.h"

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

    // Tries once; false when the writer was two writes ahead meanwhile, or the bytes are no
    // TwoCopy. `make` is given the words as arguments and what it returns is put in `value`: they
    // never stop in an array, where words stored singly and loaded again in pairs would wait for
    // each other.
    template <typename Value, typename Make>
    [[gnu::always_inline]] bool try_make(Value& value, const Make& make) const {
        const std::uint64_t version = newest_.load(std::memory_order_acquire);
        const Copy& copy = copies_[version & 1];
        if (copy.version.load(std::memory_order_acquire) != version) {
            return false;
        }
        value = [&]<std::size_t... I>(std::index_sequence<I...>) {
            return make(copy.words[I].load(std::memory_order_acquire)...);
        }
        (std::make_index_sequence<Words>());
        return copy.version.load(std::memory_order_relaxed) == version;
    }
    bool try_read(Group& group) const { return try_make(group, as_group); }

    // The newest whole group, made of its words. Two tries are rare; kTriesMax in a row mean that
    // the memory is damaged.
    template <typename Value, typename Make>
    [[gnu::always_inline]] Value make(const Make& make) const {
        Value value;
        for (std::uint32_t tries = 0; !try_make(value, make); ++tries) {
            RESONANT_ENSURE(tries < kTriesMax,
                            "a group in shared memory has no whole copy: it is damaged");
        }
        return value;
    }
    Group read() const { return make<Group>(as_group); }

    std::uint64_t version() const { return newest_.load(std::memory_order_acquire); }

  private:
    static constexpr auto as_group = [](auto... words) { return Group{words...}; };
    static constexpr std::uint64_t kBeingWritten = ~std::uint64_t{0};
    static constexpr std::uint32_t kTriesMax = 1'000'000;

    struct alignas(64) Copy {
        Word version;
        Word words[Words];
    };

    alignas(64) Word newest_;
    Copy copies_[2];
};

static_assert(sizeof(TwoCopy<7>) == 192 && sizeof(TwoCopy<8>) == 320);

}  // namespace resonant::shm
