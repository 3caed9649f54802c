// Runs one disabled test of this same program in a fresh process: for libraries that remember who they
// are, which a forked child would get wrong. What it needs travels in the environment.
//
// One thread.
#pragma once

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

namespace resonant::test {

class Again {
  public:
    // `name` is the test's whole name, "Suite.DISABLED_test"; `settings` are NAME=VALUE.
    Again(const std::string& name, std::vector<std::string> settings) {
        std::vector<std::string> words = {"again", "--gtest_brief=1", "--gtest_also_run_disabled_tests", "--gtest_filter=" + name};
        std::vector<char*> arguments;
        for (std::string& word : words) {
            arguments.push_back(word.data());
        }
        arguments.push_back(nullptr);
        std::vector<char*> environment;
        for (std::string& setting : settings) {
            environment.push_back(setting.data());
        }
        environment.push_back(nullptr);
        EXPECT_EQ(::posix_spawn(&pid_, "/proc/self/exe", nullptr, nullptr, arguments.data(), environment.data()), 0);
    }
    Again(const Again&) = delete;
    Again& operator=(const Again&) = delete;
    ~Again() {
        if (pid_ > 0) {
            kill();
        }
    }

    void kill() {
        ::kill(pid_, SIGKILL);
        static_cast<void>(wait());
    }
    // The exit code, or -1 when a signal ended it.
    int wait() {
        int state = 0;
        while (::waitpid(pid_, &state, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
    }

  private:
    pid_t pid_ = -1;
};

}  // namespace resonant::test
