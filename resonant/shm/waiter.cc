#include "resonant/shm/waiter.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <ctime>

namespace resonant::shm {

static_assert(sizeof(std::atomic<std::uint32_t>) == 4);

void wait_while(const std::atomic<std::uint32_t>& word, std::uint32_t value, Nanos timeout) {
    if (timeout.count <= 0) {
        return;
    }
    timespec limit{};
    limit.tv_sec = timeout.count / 1'000'000'000;
    limit.tv_nsec = timeout.count % 1'000'000'000;
    // Every outcome (woken, changed, timeout, signal) means the same to the caller: look again.
    static_cast<void>(::syscall(SYS_futex, &word, FUTEX_WAIT, value, &limit, nullptr, 0));
}

void wake_all(const std::atomic<std::uint32_t>& word) {
    static_cast<void>(::syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0));
}

}  // namespace resonant::shm
