#include "resonant/broker/files.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace resonant::broker {
namespace {

Result<Descriptor> open_beneath(const std::filesystem::path& folder,
                                const std::filesystem::path& inside, int flags) {
    const Descriptor root(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root) {
        return fail_errno("open " + folder.string(), errno);
    }
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags | O_RDONLY | O_CLOEXEC);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    Descriptor file(
        static_cast<int>(syscall(SYS_openat2, root.get(), inside.c_str(), &how, sizeof how)));
    if (!file) {
        if (errno == EXDEV) {
            return fail(Code::PermissionDenied,
                        fmt::format("{} leads out of {}", inside.string(), folder.string()));
        }
        return fail_errno("open " + inside.string(), errno);
    }
    return file;
}

Status check_regular(const Descriptor& file, const std::filesystem::path& path) {
    struct stat about{};
    if (fstat(file.get(), &about) != 0) {
        return fail_errno("stat " + path.string(), errno);
    }
    return S_ISREG(about.st_mode) ? Status() : fail(Code::InvalidArgument, path.string() + " is no regular file");
}

std::unexpected<Error> is_there(const std::filesystem::path& path) {
    return fail(Code::AlreadyExists, path.string() + " is there already; name another file");
}

Result<Files::Made> make(const std::filesystem::path& folder, const std::filesystem::path& inside) {
    Files::Made made;
    made.path = folder / inside;
    const auto parent = inside.has_parent_path() ? inside.parent_path() : std::filesystem::path(".");
    RESONANT_ASSIGN(made.folder, open_beneath(folder, parent, O_DIRECTORY));
    const std::string name = inside.filename();
    struct stat about{};
    if (fstatat(made.folder.get(), name.c_str(), &about, AT_SYMLINK_NOFOLLOW) == 0) {
        return is_there(made.path);
    }
    made.file.reset(::openat(made.folder.get(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
    if (!made.file && (errno == EOPNOTSUPP || errno == EISDIR)) {
        made.file.reset(::openat(made.folder.get(), name.c_str(),
                                 O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600));
        made.is_named = static_cast<bool>(made.file);
    }
    if (!made.file) {
        return errno == EEXIST ? is_there(made.path) : fail_errno("make " + made.path.string(), errno);
    }
    return made;
}

}  // namespace

Files::Made::~Made() {
    if (is_named && folder) {
        ::unlinkat(folder.get(), path.filename().c_str(), 0);
    }
}

Status Files::publish(Made& made) {
    if (::fsync(made.file.get()) != 0) {
        return fail_errno("sync " + made.path.string(), errno);
    }
    const std::string opened = fmt::format("/proc/self/fd/{}", made.file.get());
    if (!made.is_named && ::linkat(AT_FDCWD, opened.c_str(), made.folder.get(), made.path.filename().c_str(),
                                   AT_SYMLINK_FOLLOW) != 0) {
        return errno == EEXIST ? is_there(made.path) : fail_errno("name " + made.path.string(), errno);
    }
    made.is_named = false;
    return ::fsync(made.folder.get()) == 0 ? Status() : fail_errno("sync the folder of " + made.path.string(), errno);
}

Result<Descriptor> Files::open_any(const std::filesystem::path& path) const {
    std::unexpected<Error> refusal = fail(Code::PermissionDenied, "");
    bool inside_one = false;
    for (const auto& folder : folders_) {
        std::filesystem::path inside = path;
        if (path.is_absolute()) {
            inside = path.lexically_normal().lexically_relative(folder.lexically_normal());
            if (inside.empty() || *inside.begin() == "..") {
                continue;
            }
        }
        inside_one = true;
        Result<Descriptor> file = open_beneath(folder, inside, O_NONBLOCK);  // a fifo must not hold us up
        if (file) {
            return file;
        }
        // NotFound in one folder says less than a refusal in another.
        if (refusal.error().message.empty() || file.error().code != Code::NotFound) {
            refusal = std::unexpected(file.error());
        }
    }
    std::string allowed;
    for (const auto& folder : folders_) {
        allowed += (allowed.empty() ? "" : ", ") + folder.string();
    }
    if (inside_one && refusal.error().code == Code::NotFound) {
        return fail(Code::NotFound, fmt::format("{}: No such file; what may be read lies in {}", path.string(), allowed));
    }
    if (inside_one) {
        return refusal;
    }
    return fail(
        Code::PermissionDenied,
        fmt::format("{} is outside the allowed folders ({}); put the file there, or the owner "
                    "names its folder in resonant.toml",
                    path.string(), allowed));
}

Result<Descriptor> Files::open(const std::filesystem::path& path) const {
    RESONANT_ASSIGN(Descriptor file, open_any(path));
    RESONANT_CHECK(check_regular(file, path));
    return file;
}

Result<std::filesystem::path> Files::locate(const std::filesystem::path& path) const {
    RESONANT_ASSIGN(const Descriptor file, open(path));
    std::error_code error;
    auto real = std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", file.get()), error);
    if (error) {
        return fail_errno("locate " + path.string(), error.value());
    }
    return real;
}

Result<Files::Made> Files::create(const std::filesystem::path& path) const {
    std::string allowed;
    for (const auto& folder : outboxes_) {
        std::filesystem::path inside = path.lexically_normal();
        if (path.is_absolute()) {
            inside = path.lexically_normal().lexically_relative(folder.lexically_normal());
        }
        allowed += (allowed.empty() ? "" : ", ") + folder.string();
        if (inside.empty() || *inside.begin() == ".." || !inside.has_filename()) {
            continue;
        }
        return make(folder, inside);
    }
    return fail(Code::PermissionDenied,
                fmt::format("{} is outside the folders that may be written ({}); give a name inside",
                            path.string(), allowed));
}

Result<std::string> Files::read(const std::filesystem::path& path, Bytes size_max) const {
    RESONANT_ASSIGN(const Descriptor file, open(path));
    std::string text;
    std::array<char, 65'536> buffer;
    for (;;) {
        const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
        if (got < 0) {
            return fail_errno("read " + path.string(), errno);
        }
        if (got == 0) {
            return text;
        }
        text.append(buffer.data(), static_cast<std::size_t>(got));
        if (text.size() > size_max.count) {
            return fail(Code::ResourceExhausted,
                        fmt::format("{} has more than {} bytes, the most that is read; split it",
                                    path.string(), size_max.count));
        }
    }
}

}  // namespace resonant::broker
