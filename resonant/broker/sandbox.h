// The Sandbox runs a program where it can do no harm: no network, no home, an empty work folder in
// memory, few processes, little memory, a deadline. After bubblewrap (user, mount, pid, ipc, uts,
// cgroup and net namespaces).
//
// Threads: any; at most kRunningMax programs run at once, the next gets ResourceExhausted.
//
// Invariants:
//   (1) No shell: the argument vector is run as it is given.
//   (2) When run() returns, no process of the program is alive.
//   (3) The bound on processes counts those of the sandbox, however many others its user runs.
//   (4) Output beyond kOutputMax a stream is thrown away and said so.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/base/result.h"
#include "resonant/base/units.h"

namespace resonant::broker {

struct Program {
    std::vector<std::string> command;
    std::string input;  // its stdin
    std::map<std::string, std::string>
        files;  // relative name -> content, written into the work folder
    Nanos timeout = from_seconds(30);
    Bytes memory = mebibytes(512);
    bool network = false;
};

struct Outcome {
    int exit_status = 0;  // 128 + signal when a signal ended it
    std::string output, errors;
    bool timed_out = false;
    bool output_cut = false;
    Nanos took{};
};

struct SandboxStatus {
    bool available = false;
    std::string reason;  // why not, and the way out
    std::string runner;  // path of bubblewrap
    int running = 0;
    std::uint64_t runs = 0, timeouts = 0;
};

class Sandbox {
  public:
    static constexpr int kRunningMax = 4;
    static constexpr std::size_t kOutputMax = 256 * 1024;
    static constexpr std::size_t kFilesMax = 64;
    static constexpr std::size_t kFilesBytes = 4 * 1024 * 1024;
    static constexpr std::size_t kArgumentsMax = 256;
    static constexpr Nanos kTimeoutMax = from_seconds(300);
    static constexpr Bytes kMemoryMax = mebibytes(4096);
    static constexpr int kProcessesMax = 128;  // of one program, bubblewrap's own two among them

    struct Options {
        std::function<bool()> network_allowed;  // asked at each run that wants it; empty: never
    };
    Sandbox(Clock& clock, Options options) : clock_(clock), options_(std::move(options)) {}
    Sandbox(const Sandbox&) = delete;
    Sandbox& operator=(const Sandbox&) = delete;

    // Runs until it ends, the time is over or `cancelled` turns true. InvalidArgument for a request
    // past the limits above, PermissionDenied for network, Unavailable when bubblewrap is missing
    // or refused.
    Result<Outcome> run(const Program& program, const std::atomic<bool>* cancelled);
    bool network_allowed() const { return options_.network_allowed && options_.network_allowed(); }
    SandboxStatus status();

  private:
    Clock& clock_;
    Options options_;
    std::atomic<int> running_{0};
    std::atomic<std::uint64_t> runs_{0}, timeouts_{0};
};

}  // namespace resonant::broker
