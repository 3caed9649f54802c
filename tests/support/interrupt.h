// Interrupts one operation after every single instruction: a child is stepped by ptrace(2) and
// killed after k of them, for every k, until the operation ends by itself.
//
// One thread. The child calls begin_operation() before and end_operation() after what is
// interrupted.
#pragma once

#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

namespace resonant::test {

// Set RESONANT_LONG=1 for the long form of crash and model tests.
inline bool long_run() { return ::getenv("RESONANT_LONG") != nullptr; }

// Whether this build carries a sanitizer: then most instructions are not ours, and a fault ends the
// process in another way.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

// The thread sanitizer ends a child that starts a thread after a fork of a process with several.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool kThreadSanitized = true;
#else
inline constexpr bool kThreadSanitized = false;
#endif

inline void begin_operation() {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
}
inline void end_operation() { ::raise(SIGSTOP); }

// Runs `child` and kills it after `steps` instructions of its operation. Returns true when the
// operation was over before that.
inline bool killed_after(
    long steps, const std::function<void()>& child, const std::function<void()>& prepare = [] {}) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        child();
        ::_exit(0);
    }
    prepare();  // such as receiving what the child made before it began
    int state = 0;
    ::waitpid(pid, &state, 0);
    EXPECT_TRUE(WIFSTOPPED(state));
    bool over = false;
    for (long i = 0; i < steps && !over; ++i) {
        ::ptrace(PTRACE_SINGLESTEP, pid, nullptr, nullptr);
        ::waitpid(pid, &state, 0);
        over = !WIFSTOPPED(state) || WSTOPSIG(state) == SIGSTOP;
    }
    ::kill(pid, SIGKILL);
    ::waitpid(pid, &state, 0);
    return over;
}

}  // namespace resonant::test
