#include "resonant/broker/process_bound.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

namespace resonant::broker {
namespace {

constexpr uid_t kNobody = 65'534;

// Threads of a user, as the system counts them against RLIMIT_NPROC.
rlim_t threads_of(uid_t user) {
    rlim_t threads = 0;
    std::error_code gone;  // a process may end while it is looked at
    for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
        struct stat about{};
        if (::stat(entry.path().c_str(), &about) == 0 && about.st_uid == user) {
            for (std::filesystem::directory_iterator task(entry.path() / "task", gone), end; !gone && task != end;
                 task.increment(gone)) {
                ++threads;
            }
        }
    }
    return threads;
}

// Since Linux 5.14 the limit of a process in a user namespace counts the processes of that namespace; before,
// those of its user in the whole system.
bool limit_counts_the_namespace() {
    utsname system{};
    int major = 0, minor = 0;
    return uname(&system) == 0 && sscanf(system.release, "%d.%d", &major, &minor) == 2 &&
           (major > 5 || (major == 5 && minor >= 14));
}

}  // namespace

bool ProcessBound::become_nobody() {
    return syscall(SYS_setgroups, 0, nullptr) == 0 && syscall(SYS_setresgid, kNobody, kNobody, kNobody) == 0 &&
           syscall(SYS_setresuid, kNobody, kNobody, kNobody) == 0;
}

bool ProcessBound::set(pid_t sandboxed, rlim_t processes_max) {
    const uid_t user = geteuid() == 0 ? kNobody : geteuid();
    const rlim_t most = processes_max + (limit_counts_the_namespace() ? 0 : threads_of(user));
    const rlimit bound{most, most};
    if (prlimit(sandboxed, RLIMIT_NPROC, &bound, nullptr) == 0) {
        return true;
    }
    if (errno != EPERM || geteuid() != 0) {
        return false;
    }
    // A root without CAP_SYS_RESOURCE (containers): whoever is the same user may.
    const pid_t helper = fork();
    if (helper == 0) {
        _exit(become_nobody() && prlimit(sandboxed, RLIMIT_NPROC, &bound, nullptr) == 0 ? 0 : 1);
    }
    int status = 1;
    while (helper > 0 && waitpid(helper, &status, 0) < 0 && errno == EINTR) {
    }
    errno = EPERM;
    return helper > 0 && status == 0;
}

}  // namespace resonant::broker
