// A thread waits on a 32-bit word in shared memory until somebody changes it and says so. Waiting
// works through a read-only mapping, also from another uid; only waking needs a writer.
//
// Threads and processes: any.
//
// After futex(2), without the private flag, since waiter and waker may be two processes.
#pragma once

#include <atomic>
#include <cstdint>

#include "resonant/base/units.h"

namespace resonant::shm {

// Sleeps while `word` reads `value`, at most `timeout`. May return early for no reason: look again.
// An empty FUTEX_WAKE costs about 0.3 us, waking a sleeper 8-10 us, the sleeper runs 15-18 us
// later.
void wait_while(const std::atomic<std::uint32_t>& word, std::uint32_t value, Nanos timeout);

// Wakes everybody who waits on `word`. Change it first. Async-signal-safe.
void wake_all(const std::atomic<std::uint32_t>& word);

// One turn of a spin loop: tells the core that this is one.
inline void spin_pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

}  // namespace resonant::shm
