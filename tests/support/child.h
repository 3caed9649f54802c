// Runs a function in a child process, for what a test must not do to itself: limits, another user,
// death.
//
// Call it while the test has one thread.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <exception>

namespace resonant::test {

// The exit status of a child that ran `body` (what it returns), or 128 + the signal that ended it.
template <typename Body>
int in_child(const Body& body) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        int status = 125;
        try {
            status = body();
        } catch (const std::exception& thrown) {
            std::fprintf(stderr, "child: %s\n", thrown.what());
        }
        std::fflush(nullptr);
        ::_exit(status);
    }
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child) {
        return 126;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace resonant::test
