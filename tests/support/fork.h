// Runs a piece of a test in a forked child, optionally as another user. Expectations that fail in
// the child are printed and become its exit code.
//
// One thread.
#pragma once

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

namespace resonant::test {

inline constexpr uid_t kNobody = 65'534;

class Forked {
  public:
    // Starts `body` in a child; it fails when an expectation in `body` does.
    explicit Forked(const std::function<void()>& body) : pid_(::fork()) {
        if (pid_ == 0) {
            body();
            ::_exit(::testing::Test::HasFailure() ? 1 : 0);
        }
    }
    Forked(const Forked&) = delete;
    Forked& operator=(const Forked&) = delete;
    ~Forked() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            static_cast<void>(wait());
        }
    }

    pid_t pid() const { return pid_; }
    // Waits for the end. The exit code, or -1 when a signal ended it.
    int wait() {
        int state = 0;
        while (::waitpid(pid_, &state, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
    }

  private:
    pid_t pid_;
};

// Becomes nobody for good; only root can. Returns whether it did.
inline bool become_nobody() {
    return ::setgroups(0, nullptr) == 0 && ::setresgid(kNobody, kNobody, kNobody) == 0 &&
           ::setresuid(kNobody, kNobody, kNobody) == 0;
}

}  // namespace resonant::test
