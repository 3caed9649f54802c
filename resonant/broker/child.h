// A Child is a program that runs beside the kernel and talks over its stdin and stdout: an upstream server
// over stdio. No shell, an environment of its own, a process group of its own, gone when the kernel is gone.
//
// Belongs to one thread, which lives as long as the child does (the system ends the child with it).
//
// Invariants:
//   (1) The argument vector is run as it is given; the program is looked for in the environment's PATH.
//   (2) The child inherits nothing but its three streams and the environment given here.
//   (3) After the destructor no process of its group is alive.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "resonant/base/descriptor.h"
#include "resonant/base/result.h"

namespace resonant::broker {

struct ChildProgram {
    std::vector<std::string> command;
    std::filesystem::path folder;                    // empty: the kernel's
    std::map<std::string, std::string> environment;  // over the few variables every program gets
};

class Child {
  public:
    // NotFound when there is no such program, with where it was looked for.
    static Result<std::unique_ptr<Child>> start(const ChildProgram& program);
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    // Asks it to leave (end of input, then SIGTERM), waits a moment, and kills what is left.
    ~Child();

    // Our ends of its streams; taken once.
    Descriptor take_input() { return std::move(input_); }
    Descriptor take_output() { return std::move(output_); }
    Descriptor take_errors() { return std::move(errors_); }
    pid_t pid() const { return pid_; }
    // True once it has ended; then how: "exit code 1", "signal 9".
    bool ended();
    const std::string& how() const { return how_; }

  private:
    Child() = default;
    void kill_group(int signal) const;

    pid_t pid_ = -1;
    bool reaped_ = false;
    std::string how_;
    Descriptor input_, output_, errors_;
};

// The variables that a program gets without being asked for: PATH, HOME, LANG, TERM, TZ, USER and alike, proxies,
// certificates, XDG folders and the address of Docker, as far as the kernel has them.
std::map<std::string, std::string> plain_environment();

}  // namespace resonant::broker
