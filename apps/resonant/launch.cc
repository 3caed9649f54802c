#include "apps/resonant/launch.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <iostream>

#include "resonant/base/printable.h"
#include "resonant/net/kernel_link.h"
#include "resonant/runtime/config.h"

namespace resonant::app {
namespace {

constexpr int kStartMillis = 15'000;
constexpr int kStepMillis = 10;
constexpr std::uintmax_t kLogBytesMax = 8UL * 1024 * 1024;

Result<std::string> own_program() {
    std::string path(PATH_MAX, '\0');
    const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
    if (length <= 0) {
        return fail_errno("start: reading /proc/self/exe", errno);
    }
    path.resize(static_cast<std::size_t>(length));
    return path;
}

// What this start logged: a log is kept over starts, and what stood in it before belongs to others.
std::string lines_since(const runtime::Home& home, std::uintmax_t start) {
    const Result<std::string> text = runtime::read_file(home.log());
    if (!text || text->size() <= start) {
        return "(nothing)";
    }
    constexpr std::size_t kShown = 2'000;
    std::string lines = text->substr(start);
    return printable(lines.size() > kShown ? "... " + lines.substr(lines.size() - kShown) : lines, Lines::Kept);
}

std::uintmax_t size_of(const std::filesystem::path& file) {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(file, error);
    return error ? 0 : size;
}

void keep_log_small(const runtime::Home& home) {
    if (size_of(home.log()) > kLogBytesMax) {
        std::error_code error;  // a log that cannot be moved grows on
        std::filesystem::rename(home.log(), home.log().string() + ".1", error);
    }
}

// Between fork and exec only async-signal-safe calls are made.
[[noreturn]] void become_kernel(const std::vector<char*>& arguments, int log) {
    ::setsid();
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, 0);
    ::dup2(null, 1);  // where it listens is said by who started it
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

Result<Launch> ensure_kernel(const runtime::Home& home, const std::vector<std::string>& flags) {
    RESONANT_ASSIGN(const Descriptor lock, runtime::lock_file(home.start_lock(), true));
    if (kernel_answers(home)) {
        return Launch::WasRunning;
    }
    keep_log_small(home);
    const std::uintmax_t before = size_of(home.log());
    RESONANT_ASSIGN(const pid_t child, spawn_kernel(home, flags));
    for (int waited = 0; waited < kStartMillis; waited += kStepMillis) {
        if (kernel_answers(home)) {
            return Launch::Started;
        }
        int status = 0;
        if (::waitpid(child, &status, WNOHANG) == child) {
            return fail(Code::Unavailable, fmt::format("start: the kernel ended at once; it logged in {}:\n{}",
                                                       home.log().string(), lines_since(home, before)));
        }
        ::poll(nullptr, 0, kStepMillis);
    }
    return fail(Code::Timeout, fmt::format("start: the kernel did not answer within {} s; see {}",
                                           kStartMillis / 1000, home.log().string()));
}

Status need_kernel(const Common& common, KernelNeed need) {
    const Result<runtime::Home> there = common.look();
    if (there && kernel_answers(*there)) {
        return {};
    }
    if (!there && need == KernelNeed::Asked) {
        return std::unexpected(there.error());
    }
    RESONANT_ASSIGN(const runtime::Home home, common.open());
    RESONANT_ASSIGN(const runtime::Config config, runtime::load_config(home.config()));
    RESONANT_ASSIGN(const Launch launch, ensure_kernel(home, {"--idle-exit", fmt::format("{}", config.idle_exit_s)}));
    if (launch == Launch::Started && !common.quiet) {
        std::cerr << fmt::format("resonant: no kernel ran on {}; one was started, it leaves after {} idle seconds\n",
                                 home.root.string(), config.idle_exit_s);
    }
    return {};
}

}  // namespace resonant::app
