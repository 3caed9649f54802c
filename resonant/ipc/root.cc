#include "resonant/ipc/root.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <system_error>

namespace resonant::ipc {
namespace {

constexpr std::string_view kLock = "lock";
constexpr std::string_view kSharedMemory = "/dev/shm";

std::uint64_t hash_of(std::string_view text) {
    std::uint64_t hash = 0xCBF29CE484222325;
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
    }
    return hash;
}

// Names in /dev/shm that belong to a base begin with this.
std::string tag_of(const std::filesystem::path& base) {
    return fmt::format("rsw{:016x}_", hash_of(std::filesystem::absolute(base).string()));
}

// Whether it is a folder of ours that nobody else may enter; symbolic links are not followed.
bool is_private(const std::filesystem::path& folder) {
    struct stat about {};
    return ::lstat(folder.c_str(), &about) == 0 && S_ISDIR(about.st_mode) && about.st_uid == ::geteuid() &&
           (about.st_mode & 077) == 0;
}

void remove_shared_memory(std::string_view prefix) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(kSharedMemory, error)) {
        if (entry.path().filename().string().starts_with(prefix)) {
            ::unlink(entry.path().c_str());
        }
    }
}

}  // namespace

Result<std::unique_ptr<Root>> Root::create(const std::filesystem::path& base, std::uint64_t number) {
    if (::mkdir(base.c_str(), 0700) != 0 && errno != EEXIST) {
        return fail_errno(fmt::format("channel root: make {}", base.string()), errno);
    }
    if (!is_private(base)) {
        return fail(Code::PermissionDenied, fmt::format("channel root: {} is not a folder of ours alone; remove it",
                                                        base.string()));
    }
    Descriptor lock(::open((base / kLock).c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock) {
        return fail_errno(fmt::format("channel root: open {}/{}", base.string(), kLock), errno);
    }
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        return fail(Code::Conflict, fmt::format("channel root: {} is in use by a running process", base.string()));
    }
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(base, error)) {
        if (entry.path().filename() != kLock) {
            std::filesystem::remove_all(entry.path(), error);
        }
    }
    const std::string tag = tag_of(base);
    remove_shared_memory(tag);
    Place place{base / std::to_string(number), fmt::format("{}{}_", tag, number)};
    if (::mkdir(place.folder.c_str(), 0700) != 0) {
        return fail_errno(fmt::format("channel root: make {}", place.folder.string()), errno);
    }
    return std::unique_ptr<Root>(new Root(std::move(lock), std::move(place)));
}

Root::~Root() {
    std::error_code ignored;  // what is left is cleared by the next start
    std::filesystem::remove_all(place_.folder, ignored);
    remove_shared_memory(place_.prefix);
}

std::filesystem::path base_for(const std::filesystem::path& home) {
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    const std::string name = fmt::format("rsw-{}-{:016x}", ::geteuid(),
                                         hash_of(std::filesystem::absolute(home).string()));
    return (runtime != nullptr && is_private(runtime) ? std::filesystem::path(runtime) : "/tmp") / name;
}

}  // namespace resonant::ipc
