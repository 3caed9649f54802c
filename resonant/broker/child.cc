#include "resonant/broker/child.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <sstream>

#include "resonant/base/descriptor_limit.h"

namespace resonant::broker {
namespace {

constexpr std::size_t kWordsMax = 256;
constexpr int kGraceMs = 300;  // between asking a child to leave and killing it, twice
constexpr const char* kPlainPath = "/usr/local/bin:/usr/bin:/bin";
// Who somebody is, and how the network is reached: behind a company's proxy with a certificate of its own no package
// runner starts without these. Tokens and keys are not among them.
constexpr std::array kPlain = {
    "PATH", "HOME", "LANG", "LC_ALL", "LOGNAME", "SHELL", "TERM", "TMPDIR", "TZ", "USER",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO",
    "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"};

bool runnable(const std::string& path) {
    return ::access(path.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(path);
}

Result<std::string> find_program(const std::string& name, const std::string& path) {
    if (name.find('/') != std::string::npos) {
        if (runnable(name)) {
            return name;
        }
        return fail(Code::NotFound, fmt::format("{} is not a program that can be run: no such file, or it may not be executed", name));
    }
    std::istringstream folders(path);
    for (std::string folder; std::getline(folders, folder, ':');) {
        if (const std::string candidate = folder + "/" + name; !folder.empty() && runnable(candidate)) {
            return candidate;
        }
    }
    return fail(Code::NotFound, fmt::format("no program '{}' in PATH={}; give its whole path, or a PATH in env", name,
                                            path));
}

struct Pipe {
    Descriptor read, write;
};

Status make_pipe(Pipe& made) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        return fail_errno("start a program: pipe", errno);
    }
    made.read.reset(ends[0]);
    made.write.reset(ends[1]);
    return {};
}

// Between fork and exec: system calls only.
[[noreturn]] void become(const char* program, char* const* words, char* const* environment, const char* folder,
                         const int (&streams)[3], const rlimit& descriptors, pid_t parent) {
    ::setsid();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) {
        ::_exit(127);
    }
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    // Clear of 0, 1, 2 first, so that no dup2 overwrites one that is still needed.
    int high[3];
    for (int i = 0; i < 3; ++i) {
        high[i] = ::fcntl(streams[i], F_DUPFD, 10);
    }
    for (int i = 0; i < 3; ++i) {
        if (high[i] < 0 || ::dup2(high[i], i) < 0) {
            ::_exit(127);
        }
    }
    ::syscall(SYS_close_range, 3U, ~0U, 0U);
    ::setrlimit(RLIMIT_NOFILE, &descriptors);
    if (folder[0] != '\0' && ::chdir(folder) != 0) {
        ::_exit(126);
    }
    ::execve(program, words, environment);
    ::_exit(127);
}

}  // namespace

std::map<std::string, std::string> plain_environment() {
    std::map<std::string, std::string> environment = {{"PATH", kPlainPath}};
    for (const char* name : kPlain) {
        if (const char* value = std::getenv(name); value != nullptr && value[0] != '\0') {
            environment[name] = value;
        }
    }
    return environment;
}

Result<std::unique_ptr<Child>> Child::start(const ChildProgram& program) {
    if (program.command.empty() || program.command.size() > kWordsMax) {
        return fail(Code::InvalidArgument, fmt::format("start a program: the command has {} words; give 1 to {}",
                                                       program.command.size(), kWordsMax));
    }
    std::map<std::string, std::string> environment = plain_environment();
    for (const auto& [name, value] : program.environment) {
        environment[name] = value;
    }
    std::error_code error;
    if (!program.folder.empty() && !std::filesystem::is_directory(program.folder, error)) {
        return fail(Code::NotFound, fmt::format("start a program: its folder {} is not there; make it, or give another as cwd",
                                                program.folder.string()));
    }
    RESONANT_ASSIGN(const std::string path, find_program(program.command[0], environment["PATH"]));
    std::vector<std::string> words = program.command, pairs;
    for (const auto& [name, value] : environment) {
        pairs.push_back(name + "=" + value);
    }
    std::vector<char*> argv, envp;
    for (std::string& word : words) {
        argv.push_back(word.data());
    }
    for (std::string& pair : pairs) {
        envp.push_back(pair.data());
    }
    argv.push_back(nullptr);
    envp.push_back(nullptr);
    Pipe in, out, err;
    RESONANT_CHECK(make_pipe(in));
    RESONANT_CHECK(make_pipe(out));
    RESONANT_CHECK(make_pipe(err));
    const int streams[3] = {in.read.get(), out.write.get(), err.write.get()};
    const std::string folder = program.folder.string();
    const rlimit descriptors = descriptor_limit_of_children();
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) {
        return fail_errno("start a program: fork", errno);
    }
    if (pid == 0) {
        become(path.c_str(), argv.data(), envp.data(), folder.c_str(), streams, descriptors, parent);
    }
    std::unique_ptr<Child> child(new Child());
    child->pid_ = pid;
    child->input_ = std::move(in.write);
    child->output_ = std::move(out.read);
    child->errors_ = std::move(err.read);
    return child;
}

bool Child::ended() {
    if (reaped_) {
        return true;
    }
    int status = 0;
    const pid_t got = ::waitpid(pid_, &status, WNOHANG);
    if (got == 0 || (got < 0 && errno == EINTR)) {
        return false;
    }
    reaped_ = true;
    how_ = got < 0                ? "it is gone"
           : WIFSIGNALED(status)  ? fmt::format("signal {}", WTERMSIG(status))
           : WEXITSTATUS(status) == 126 ? "exit code 126; its folder cannot be entered, or its program not run"
                                  : fmt::format("exit code {}", WEXITSTATUS(status));
    return true;
}

void Child::kill_group(int signal) const { ::kill(-pid_, signal); }

Child::~Child() {
    input_.reset();
    for (const int signal : {SIGTERM, SIGKILL}) {
        for (int waited = 0; waited < kGraceMs && !ended(); waited += 5) {
            ::poll(nullptr, 0, 5);
        }
        kill_group(signal);  // the rest of its group, also when it has left itself
    }
    if (!reaped_) {
        ::waitpid(pid_, nullptr, 0);
    }
}

}  // namespace resonant::broker
