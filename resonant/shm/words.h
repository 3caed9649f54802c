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

// Copies `count` words, an even number, from 16-byte aligned shared memory. Two at a time where the
// hardware moves aligned words whole in wider registers (every x86-64), one atomic load each
// elsewhere.
inline void copy_words(std::uint64_t* target, const std::atomic<std::uint64_t>* source,
                       std::size_t count) {
#ifdef RESONANT_WIDE_WORDS
    std::atomic_signal_fence(
        std::memory_order_seq_cst);  // the compiler may not reuse an earlier copy
    for (std::size_t i = 0; i < count; i += 2) {
        const __m128i pair = _mm_load_si128(reinterpret_cast<const __m128i*>(source + i));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(target + i), pair);
    }
    std::atomic_signal_fence(std::memory_order_seq_cst);
#else
    for (std::size_t i = 0; i < count; ++i) {
        target[i] = source[i].load(std::memory_order_acquire);
    }
#endif
}

}  // namespace resonant::shm
