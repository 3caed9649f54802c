#include "resonant/broker/sandbox.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <set>
#include <system_error>

#include "resonant/base/descriptor.h"
#include "resonant/base/ensure.h"
#include "resonant/broker/process_bound.h"

namespace resonant::broker {
namespace {

constexpr std::string_view kRunner = "/usr/bin/bwrap";
constexpr int kStatusFd = 3;                 // bubblewrap tells the exit code there
constexpr int kGateFd = 4;                   // bubblewrap waits there until the bound is set
constexpr int kPollMs = 20;                  // how soon cancellation is noticed
constexpr Bytes kMemoryMin = mebibytes(16);  // less cannot even start a program
constexpr Nanos kGrace = from_seconds(5);    // for the pipes to close after the kill

std::string safe_name_problem(const std::string& name) {
    if (name.empty() || name.size() > 200 || name[0] == '/' ||
        name.find('\0') != std::string::npos) {
        return "is no relative name of at most 200 bytes";
    }
    for (const auto& part : std::filesystem::path(name)) {
        if (part == ".." || part == ".") {
            return "leads out of the work folder";
        }
    }
    return name.back() == '/' ? "names a folder; give the name of a file" : "";
}

// A name is one file, and no file is the folder of another.
std::string names_problem(const std::map<std::string, std::string>& files) {
    std::set<std::filesystem::path> taken;
    for (const auto& [name, content] : files) {
        if (!taken.insert(std::filesystem::path(name).lexically_normal()).second) {
            return fmt::format("file '{}' is given twice", name.substr(0, 60));
        }
    }
    for (const std::filesystem::path& file : taken) {
        for (std::filesystem::path folder = file.parent_path(); !folder.empty(); folder = folder.parent_path()) {
            if (taken.contains(folder)) {
                return fmt::format("'{}' is a file, so it cannot hold the file '{}'; rename one of them",
                                   folder.string().substr(0, 60), file.string().substr(0, 60));
            }
        }
    }
    return "";
}

Status check(const Program& program) {
    const auto wrong = [](std::string words) {
        return fail(Code::InvalidArgument, "sandbox.run: " + std::move(words));
    };
    if (program.command.empty() || program.command[0].empty() ||
        program.command.size() > Sandbox::kArgumentsMax) {
        return wrong(fmt::format("command has {} words; give a program and at most {} arguments",
                                 program.command.size(), Sandbox::kArgumentsMax - 1));
    }
    for (const std::string& word : program.command) {
        if (word.find('\0') != std::string::npos || word.size() > 100'000) {
            return wrong("a word of the command holds a zero byte or more than 100,000 bytes");
        }
    }
    std::size_t bytes = program.input.size();
    for (const auto& [name, content] : program.files) {
        if (const std::string problem = safe_name_problem(name); !problem.empty()) {
            return wrong(fmt::format("file '{}' {}", name.substr(0, 60), problem));
        }
        bytes += content.size();
    }
    if (const std::string problem = names_problem(program.files); !problem.empty()) {
        return wrong(problem);
    }
    if (program.files.size() > Sandbox::kFilesMax || bytes > Sandbox::kFilesBytes) {
        return wrong(fmt::format("{} files and {} bytes of input; the limits are {} and {}",
                                 program.files.size(), bytes, Sandbox::kFilesMax,
                                 Sandbox::kFilesBytes));
    }
    if (program.timeout <= Nanos{0} || program.timeout > Sandbox::kTimeoutMax) {
        return wrong(fmt::format("timeout_s is {}; give more than 0 and at most {}",
                                 program.timeout.seconds(), Sandbox::kTimeoutMax.seconds()));
    }
    if (program.memory < kMemoryMin || program.memory > Sandbox::kMemoryMax) {
        return wrong(fmt::format("memory_mb is {}; give 16 to {}", program.memory.count >> 20,
                                 Sandbox::kMemoryMax.count >> 20));
    }
    return {};
}

Result<Descriptor> in_memory(const std::string& content) {
    Descriptor file(memfd_create("sandbox", MFD_CLOEXEC));
    if (!file) {
        return fail_errno("sandbox.run: memfd_create", errno);
    }
    std::string_view rest = content;
    while (!rest.empty()) {
        const ssize_t written = write(file.get(), rest.data(), rest.size());
        if (written < 0) {
            return fail_errno("sandbox.run: write input", errno);
        }
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    if (lseek(file.get(), 0, SEEK_SET) < 0) {
        return fail_errno("sandbox.run: rewind input", errno);
    }
    // Clear of the numbers that the runner's own streams take.
    Descriptor high(fcntl(file.get(), F_DUPFD_CLOEXEC, kGateFd + 1));
    if (!high) {
        return fail_errno("sandbox.run: duplicate input", errno);
    }
    return high;
}

// Everything the child needs, made before fork(): afterwards only system calls are allowed.
struct Launch {
    std::vector<std::string> words;
    std::vector<char*> argv;
    std::vector<Descriptor> files;  // their numbers stand in words
    Descriptor input;
    std::array<Descriptor, 2> output, errors, status, gate;  // read end, write end
    rlim_t memory = 0, seconds = 0;
};

Status make_pipe(std::array<Descriptor, 2>& ends) {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) {
        return fail_errno("sandbox.run: pipe", errno);
    }
    ends[0].reset(fds[0]);
    ends[1].reset(fds[1]);
    // The program expects an ordinary pipe; only our end must not block.
    return fcntl(fds[1], F_SETFL, 0) == 0 ? Status{}
                                          : Status(fail_errno("sandbox.run: fcntl", errno));
}

void add(std::vector<std::string>& words, std::initializer_list<std::string> more) {
    words.insert(words.end(), more);
}

Status prepare(const Program& program, Launch& launch) {
    std::vector<std::string>& words = launch.words;
    add(words, {std::string(kRunner),
                "--unshare-all",
                "--unshare-user",
                "--disable-userns",
                "--cap-drop",
                "ALL",
                "--die-with-parent",
                "--new-session",
                "--json-status-fd",
                std::to_string(kStatusFd),
                "--block-fd",
                std::to_string(kGateFd),
                "--hostname",
                "sandbox",
                "--clearenv",
                "--setenv",
                "PATH",
                "/usr/bin:/bin",
                "--setenv",
                "HOME",
                "/box",
                "--setenv",
                "LANG",
                "C.UTF-8"});
    if (program.network) {
        add(words, {"--share-net", "--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf"});
    }
    add(words, {"--ro-bind", "/usr", "/usr"});
    for (const char* folder :
         {"/bin", "/sbin", "/lib", "/lib64", "/etc/alternatives", "/etc/ld.so.cache"}) {
        add(words, {"--ro-bind-try", folder, folder});
    }
    const std::string size = std::to_string(program.memory.count);
    add(words, {"--proc", "/proc", "--dev", "/dev", "--size", size, "--tmpfs", "/tmp", "--size",
                size, "--tmpfs", "/box"});
    for (const auto& [name, content] : program.files) {
        RESONANT_ASSIGN(Descriptor file, in_memory(content));
        add(words, {"--perms", "0700", "--file", std::to_string(file.get()), "/box/" + name});
        launch.files.push_back(std::move(file));
    }
    add(words, {"--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/box", "--"});
    words.insert(words.end(), program.command.begin(), program.command.end());
    for (std::string& word : words) {
        launch.argv.push_back(word.data());
    }
    launch.argv.push_back(nullptr);
    RESONANT_ASSIGN(launch.input, in_memory(program.input));
    RESONANT_CHECK(make_pipe(launch.output));
    RESONANT_CHECK(make_pipe(launch.errors));
    RESONANT_CHECK(make_pipe(launch.status));
    RESONANT_CHECK(make_pipe(launch.gate));
    RESONANT_ENSURE(fcntl(launch.gate[0].get(), F_SETFL, 0) == 0, "bubblewrap waits at the gate");
    launch.memory = program.memory.count;
    launch.seconds = static_cast<rlim_t>(program.timeout.seconds()) + 2;
    return {};
}

void limit(int resource, rlim_t most) {
    const rlimit bound{most, most};
    setrlimit(static_cast<__rlimit_resource>(resource), &bound);
}

// Runs in the child between fork() and exec: system calls only, and never returns.
[[noreturn]] void become_runner(const Launch& launch) {
    setpgid(0, 0);
    // Our ends first move out of the way, then to their places; all else closes on exec.
    const int input = fcntl(launch.input.get(), F_DUPFD_CLOEXEC, 100);
    const int output = fcntl(launch.output[1].get(), F_DUPFD_CLOEXEC, 100);
    const int errors = fcntl(launch.errors[1].get(), F_DUPFD_CLOEXEC, 100);
    const int status = fcntl(launch.status[1].get(), F_DUPFD_CLOEXEC, 100);
    const int gate = fcntl(launch.gate[0].get(), F_DUPFD_CLOEXEC, 100);
    syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
    for (const Descriptor& file : launch.files) {
        fcntl(file.get(), F_SETFD, 0);
    }
    const bool placed = dup2(input, 0) == 0 && dup2(output, 1) == 1 && dup2(errors, 2) == 2 &&
                        dup2(status, kStatusFd) == kStatusFd && dup2(gate, kGateFd) == kGateFd;
    limit(RLIMIT_AS, launch.memory);
    limit(RLIMIT_FSIZE, launch.memory);
    limit(RLIMIT_CPU, launch.seconds);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, 256);
    // Root is exempt from the bound on processes, so the program becomes nobody before it starts.
    if (geteuid() == 0 && !ProcessBound::become_nobody()) {
        _exit(125);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    signal(SIGPIPE, SIG_DFL);
    if (placed) {
        execve(launch.argv[0], launch.argv.data(), nullptr);
    }
    _exit(126);
}

// Reads what there is; keeps at most `most` bytes. False at the end of the stream.
bool drain(int fd, std::string& target, std::size_t most, bool& cut) {
    std::array<char, 16'384> buffer;
    for (;;) {
        const ssize_t got = read(fd, buffer.data(), buffer.size());
        if (got == 0) {
            return false;
        }
        if (got < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        const std::size_t room = most - std::min(most, target.size());
        target.append(buffer.data(), std::min(room, static_cast<std::size_t>(got)));
        cut |= static_cast<std::size_t>(got) > room;
    }
}

int wait_for(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// A number that the runner told; -1 while it is not there whole.
int told_number(std::string_view status, std::string_view key) {
    const std::size_t at = status.find(key);
    if (at == std::string_view::npos) {
        return -1;
    }
    std::string_view digits = status.substr(at + key.size());
    digits.remove_prefix(std::min(digits.find_first_not_of(' '), digits.size()));
    int number = -1;
    const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return end.ptr == digits.data() + digits.size() ? -1 : number;
}

// Follows the three streams until all are closed: then nobody is alive who could write.
class Watch {
  public:
    Watch(Clock& clock, Nanos timeout, const std::atomic<bool>* cancelled)
        : clock_(clock),
          began_(clock.monotonic()),
          deadline_(began_ + timeout),
          cancelled_(cancelled) {}

    // Fails when the bound on processes could not be set; the program then never ran.
    Status run(pid_t child, const Launch& launch, Outcome& outcome, std::string& status) {
        std::array<pollfd, 3> polls = {{{launch.output[0].get(), POLLIN, 0},
                                        {launch.errors[0].get(), POLLIN, 0},
                                        {launch.status[0].get(), POLLIN, 0}}};
        const std::array<std::string*, 3> targets = {&outcome.output, &outcome.errors, &status};
        std::size_t open = polls.size();
        bool killed = false;
        bool status_cut = false, unbounded = true;
        int sandboxed = -1;
        Status bounded;
        while (open > 0) {
            poll(polls.data(), polls.size(), kPollMs);
            for (std::size_t i = 0; i < polls.size(); ++i) {
                if (polls[i].fd >= 0 && polls[i].revents != 0 &&
                    !drain(polls[i].fd, *targets[i], i == 2 ? 4'096 : Sandbox::kOutputMax,
                           i == 2 ? status_cut : outcome.output_cut)) {
                    polls[i].fd = -1;
                    --open;
                }
            }
            if (unbounded && (sandboxed = told_number(status, "\"child-pid\":")) > 0) {
                unbounded = false;
                bounded = let_in(sandboxed, launch);
            }
            const Nanos now = clock_.monotonic();
            const bool stop = !bounded || (cancelled_ != nullptr && cancelled_->load(std::memory_order_relaxed));
            if (!killed && (stop || now >= deadline_)) {
                outcome.timed_out = !stop;
                kill(-child, SIGKILL);  // the runner; its death takes the whole pid namespace along
                killed = true;
                deadline_ = now + kGrace;
            } else if (killed && now >= deadline_) {
                break;
            }
        }
        outcome.took = clock_.monotonic() - began_;
        return bounded;
    }

  private:
    // The user namespace is there: the bound is set, then the runner may go on.
    static Status let_in(pid_t sandboxed, const Launch& launch) {
        if (!ProcessBound::set(sandboxed, Sandbox::kProcessesMax)) {
            return fail(Code::Unavailable, fmt::format("sandbox.run: its bound of {} processes could not be set ({}); "
                                                       "nothing was run",
                                                       Sandbox::kProcessesMax, std::generic_category().message(errno)));
        }
        if (write(launch.gate[1].get(), "+", 1) != 1) {
            return fail_errno("sandbox.run: start the program", errno);
        }
        return {};
    }

    Clock& clock_;
    Nanos began_, deadline_;
    const std::atomic<bool>* cancelled_;
};

// The way out, where the runner's words show the cause.
std::string hint_for(const std::string& errors) {
    if (errors.find("Resource temporarily unavailable") != errors.npos) {
        return "; this user's processes reached a limit of the system (ulimit -u, or pids.max of its cgroup): end some or "
               "raise it";
    }
    if (errors.find("namespace") != errors.npos || errors.find("uid map") != errors.npos) {
        return "; it needs user namespaces: sysctl kernel.unprivileged_userns_clone=1 and "
               "user.max_user_namespaces above 0, and in a container a profile that allows them";
    }
    return "";
}

// Counts a running program as long as it stands.
class Turn {
  public:
    explicit Turn(std::atomic<int>& running)
        : running_(running), taken_(running.fetch_add(1) < Sandbox::kRunningMax) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() { running_.fetch_sub(1); }
    explicit operator bool() const { return taken_; }

  private:
    std::atomic<int>& running_;
    bool taken_;
};

}  // namespace

Result<Outcome> Sandbox::run(const Program& program, const std::atomic<bool>* cancelled) {
    RESONANT_CHECK(check(program));
    if (program.network && !network_allowed()) {
        return fail(
            Code::PermissionDenied,
            "sandbox.run: network is off; the owner allows it with the line `sandbox: {network: true}` in a file of "
            "policy.d, then dharma.reload");
    }
    if (access(kRunner.data(), X_OK) != 0) {
        return fail(
            Code::Unavailable,
            "sandbox.run: bubblewrap is missing; install it with: apt-get install bubblewrap");
    }
    const Turn turn(running_);
    if (!turn) {
        return fail(
            Code::ResourceExhausted,
            fmt::format("sandbox.run: {} programs run already; try again when one has ended",
                        kRunningMax));
    }
    Launch launch;
    RESONANT_CHECK(prepare(program, launch));
    const pid_t child = fork();
    if (child < 0) {
        return fail_errno("sandbox.run: fork", errno);
    }
    if (child == 0) {
        become_runner(launch);
    }
    setpgid(child, child);  // both sides, so that the kill finds the group whoever comes first
    launch.output[1].reset();
    launch.errors[1].reset();
    launch.status[1].reset();
    launch.gate[0].reset();
    Outcome outcome;
    std::string status;
    const Status watched = Watch(clock_, program.timeout, cancelled).run(child, launch, outcome, status);
    const int ended = wait_for(child);
    runs_.fetch_add(1, std::memory_order_relaxed);
    timeouts_.fetch_add(outcome.timed_out ? 1 : 0, std::memory_order_relaxed);
    RESONANT_CHECK(watched);
    const int told = told_number(status, "\"exit-code\":");
    if (outcome.errors.starts_with("bwrap: execvp")) {
        return fail(
            Code::NotFound,
            fmt::format(
                "sandbox.run: no program '{}' in the sandbox; it sees /usr and /bin, and the "
                "files given",
                program.command[0].substr(0, 200)));
    }
    if (told < 0 && !outcome.timed_out && !(cancelled != nullptr && cancelled->load())) {
        return fail(Code::Unavailable, fmt::format("sandbox.run: bubblewrap could not start ({}): {}{}", ended,
                                                   outcome.errors.substr(0, 300), hint_for(outcome.errors)));
    }
    outcome.exit_status = told >= 0 ? told : ended;
    return outcome;
}

SandboxStatus Sandbox::status() {
    SandboxStatus status;
    status.runner = kRunner;
    status.available = access(kRunner.data(), X_OK) == 0;
    status.reason = status.available
                        ? ""
                        : "bubblewrap is missing; install it with: apt-get install bubblewrap";
    status.running = running_.load();
    status.runs = runs_.load();
    status.timeouts = timeouts_.load();
    return status;
}

}  // namespace resonant::broker
