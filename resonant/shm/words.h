// Copies words that another process may be writing: each word is whole, the row of them is not.
//
// Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__)
#include <emmintrin.h>
#define RESONANT_WIDE_WORDS 1
#endif

namespace resonant::shm {

// Copies `count` words, a multiple of 8, from 16-byte aligned shared memory. Two at a time where
// the hardware moves aligned words whole in wider registers (every x86-64), one atomic load each
// elsewhere.
inline void copy_words(std::uint64_t* target, const std::atomic<std::uint64_t>* source,
                       std::size_t count) {
#ifdef RESONANT_WIDE_WORDS
    std::atomic_signal_fence(
        std::memory_order_seq_cst);  // the compiler may not reuse an earlier copy
    for (std::size_t i = 0; i < count; i += 8) {
        const auto* pairs = reinterpret_cast<const __m128i*>(source + i);
        const __m128i a = _mm_load_si128(pairs);
        const __m128i b = _mm_load_si128(pairs + 1);
        const __m128i c = _mm_load_si128(pairs + 2);
        const __m128i d = _mm_load_si128(pairs + 3);
        auto* to = reinterpret_cast<__m128i*>(target + i);
        _mm_storeu_si128(to, a);
        _mm_storeu_si128(to + 1, b);
        _mm_storeu_si128(to + 2, c);
        _mm_storeu_si128(to + 3, d);
    }
    std::atomic_signal_fence(std::memory_order_seq_cst);
#else
    for (std::size_t i = 0; i < count; ++i) {
        target[i] = source[i].load(std::memory_order_acquire);
    }
#endif
}

}  // namespace resonant::shm
