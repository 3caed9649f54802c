// Copies words that another process may be writing: each word is whole, the row of them is not.
//
// Any thread.
//
// Memory ordering: load_words() reads as with acquire, store_words() writes as with release, each for
// every word. On x86 all loads and stores are that; wide ones, which no processor splits within a word
// of one line, are used between two barriers for the compiler.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace resonant::shm {

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
inline constexpr bool kWideWords = true;
#else
inline constexpr bool kWideWords = false;
#endif

// The widest of 64, 32, 16 and 8 bytes of which `left` has one, which begins at a multiple of itself on the private side
// and stays within a line on the shared one; both begin so many bytes behind a multiple of 64.
constexpr std::size_t piece_of(std::size_t left, std::size_t shared_at, std::size_t private_at) {
    std::size_t piece = std::min<std::size_t>(std::bit_floor(left), 64);
    while (piece > 8 && (private_at % piece != 0 || shared_at % 64 + piece > 64)) {
        piece /= 2;
    }
    return piece;
}

// Copies piece by piece. None overlaps another or lies across two that the caller has just stored, which would have to
// reach the cache before they are loaded: 9.8 ns an event of 120 bytes as one memcpy, 5 like this.
template <std::size_t Bytes, std::size_t SharedAt = 0, std::size_t PrivateAt = 0>
[[gnu::always_inline]] inline void copy_pieces(unsigned char* to, const unsigned char* from) {
    if constexpr (Bytes > 0) {
        constexpr std::size_t kPiece = piece_of(Bytes, SharedAt, PrivateAt);
        std::memcpy(to, from, kPiece);
        copy_pieces<Bytes - kPiece, SharedAt + kPiece, PrivateAt + kPiece>(to + kPiece, from + kPiece);
    }
}

// `W` is the atomic word, or a checked one of the tests; where both sides begin as piece_of() has it.
template <std::size_t Words, std::size_t SharedAt = 0, std::size_t PrivateAt = 0, typename W>
[[gnu::always_inline]] inline void store_words(W* target, const std::uint64_t* words) {
    if constexpr (kWideWords && std::is_same_v<W, std::atomic<std::uint64_t>>) {
        std::atomic_signal_fence(std::memory_order_seq_cst);
        copy_pieces<Words * 8, SharedAt, PrivateAt>(reinterpret_cast<unsigned char*>(target),
                                                    reinterpret_cast<const unsigned char*>(words));
        std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
        for (std::size_t i = 0; i < Words; ++i) {
            target[i].store(words[i], std::memory_order_release);
        }
    }
}

// `target` takes Words * 8 bytes.
template <std::size_t Words, std::size_t SharedAt = 0, std::size_t PrivateAt = 0, typename W>
[[gnu::always_inline]] inline void load_words(void* target, const W* source) {
    auto* to = static_cast<unsigned char*>(target);
    if constexpr (kWideWords && std::is_same_v<W, std::atomic<std::uint64_t>>) {
        std::atomic_signal_fence(std::memory_order_seq_cst);
        const auto* from = reinterpret_cast<const unsigned char*>(source);
        if constexpr (SharedAt == 0 && PrivateAt == 0 && Words * 8 > 32 && Words * 8 < 64) {  // two loads that share words, not three
            copy_pieces<32>(to, from);
            copy_pieces<32>(to + Words * 8 - 32, from + Words * 8 - 32);
        } else {
            copy_pieces<Words * 8, SharedAt, PrivateAt>(to, from);
        }
        std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
        for (std::size_t i = 0; i < Words; ++i) {
            const std::uint64_t word = source[i].load(std::memory_order_acquire);
            std::memcpy(to + i * 8, &word, sizeof word);
        }
    }
}

// Copies `count` words, a multiple of 8, from 16-byte aligned shared memory.
inline void copy_words(std::uint64_t* target, const std::atomic<std::uint64_t>* source,
                       std::size_t count) {
    for (std::size_t i = 0; i < count; i += 8) {
        load_words<8>(target + i, source + i);
    }
}

}  // namespace resonant::shm
