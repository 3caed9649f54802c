#include "apps/resonant/launch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "resonant/net/kernel_link.h"

namespace resonant::app {
namespace {

constexpr int kStartMillis = 15'000;
constexpr int kStepMillis = 10;

Result<std::string> own_program() {
    std::string path(PATH_MAX, '\0');
    const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
    if (length <= 0) {
        return fail_errno("start: reading /proc/self/exe", errno);
    }
    path.resize(static_cast<std::size_t>(length));
    return path;
}

std::string last_lines(const runtime::Home& home) {
    const Result<std::string> text = runtime::read_file(home.log());
    if (!text) {
        return "(no log)";
    }
    constexpr std::size_t kShown = 600;
    return text->size() > kShown ? text->substr(text->size() - kShown) : *text;
}

// Between fork and exec only async-signal-safe calls are made.
[[noreturn]] void become_kernel(const std::vector<char*>& arguments, int log) {
    ::setsid();
    const int null = ::open("/dev/null", O_RDONLY);
    ::dup2(null, 0);
    ::dup2(log, 1);
    ::dup2(log, 2);
    // Nothing of the client's may live on in the kernel: a pipe it kept open would never end.
    ::close_range(3, ~0U, 0);
    ::execv(arguments.front(), arguments.data());
    ::_exit(127);
}

Result<pid_t> spawn_kernel(const runtime::Home& home, const std::vector<std::string>& flags) {
    RESONANT_ASSIGN(const std::string program, own_program());
    std::vector<std::string> words = {program, "up", "--home", home.root.string()};
    words.insert(words.end(), flags.begin(), flags.end());
    std::vector<char*> arguments;
    for (std::string& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    const Descriptor log(::open(home.log().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!log) {
        return fail_errno(fmt::format("start: opening {}", home.log().string()), errno);
    }
    const pid_t child = ::fork();
    if (child < 0) {
        return fail_errno("start: fork", errno);
    }
    if (child == 0) {
        become_kernel(arguments, log.get());
    }
    return child;
}

}  // namespace

bool kernel_answers(const runtime::Home& home) {
    Result<net::KernelLink> link = net::KernelLink::connect(home.socket());
    return link && link->ask(R"({"op":"ping"})", from_millis(500)).has_value();
}

Status ensure_kernel(const runtime::Home& home, const std::vector<std::string>& flags) {
    RESONANT_ASSIGN(const Descriptor lock, runtime::lock_file(home.start_lock(), true));
    if (kernel_answers(home)) {
        return {};
    }
    RESONANT_ASSIGN(const pid_t child, spawn_kernel(home, flags));
    for (int waited = 0; waited < kStartMillis; waited += kStepMillis) {
        if (kernel_answers(home)) {
            return {};
        }
        int status = 0;
        if (::waitpid(child, &status, WNOHANG) == child) {
            return fail(Code::Unavailable, fmt::format("start: the kernel ended at once; its log {} says:\n{}",
                                                       home.log().string(), last_lines(home)));
        }
        ::poll(nullptr, 0, kStepMillis);
    }
    return fail(Code::Timeout, fmt::format("start: the kernel did not answer within {} s; see {}",
                                           kStartMillis / 1000, home.log().string()));
}

}  // namespace resonant::app
