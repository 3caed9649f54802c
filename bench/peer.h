// A Peer is a program that measures something else than ours: one question a line on its stdin, one
// figure a line on its stdout (bench/peers, built by scripts/setup.sh peers). It sleeps between.
//
// Belongs to one thread.
//
// Invariants:
//   (1) A peer that cannot be started, or that has died, answers nothing: its rows have no ratio.
//   (2) It ends with this object.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace resonant::bench {

class Peer {
  public:
    // Starts `words` when `needs`, what set-up builds of it, is there.
    Peer(const std::filesystem::path& needs, const std::vector<std::string>& words) {
        int questions[2];
        int answers[2];
        if (!std::filesystem::exists(needs) || ::pipe2(questions, O_CLOEXEC) != 0 ||
            ::pipe2(answers, O_CLOEXEC) != 0) {
            return;
        }
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, questions[0], STDIN_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions, answers[1], STDOUT_FILENO);
        std::vector<char*> arguments;
        for (const std::string& word : words) {
            arguments.push_back(const_cast<char*>(word.c_str()));
        }
        arguments.push_back(nullptr);
        if (::posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ) != 0) {
            pid_ = -1;
        }
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(questions[0]);
        ::close(answers[1]);
        to_ = ::fdopen(questions[1], "w");
        from_ = ::fdopen(answers[0], "r");
    }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    ~Peer() {
        if (to_ != nullptr) {
            std::fclose(to_);
            std::fclose(from_);
        }
        if (pid_ > 0) {
            ::kill(pid_, SIGTERM);
            ::waitpid(pid_, nullptr, 0);
        }
    }

    bool present() const { return pid_ > 0; }

    // The figure, or nothing.
    std::optional<double> ask(const std::string& question) {
        double figure = -1;
        if (!present() || std::fprintf(to_, "%s\n", question.c_str()) < 0 || std::fflush(to_) != 0 ||
            std::fscanf(from_, "%lf", &figure) != 1 || figure < 0) {
            return std::nullopt;
        }
        return figure;
    }

  private:
    pid_t pid_ = -1;
    std::FILE* to_ = nullptr;
    std::FILE* from_ = nullptr;
};

}  // namespace resonant::bench
