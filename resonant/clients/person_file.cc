#include "resonant/clients/person_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "resonant/base/descriptor.h"
#include "resonant/json/source_tree.h"

namespace resonant::clients {
namespace {

namespace fs = std::filesystem;

constexpr int kLinksMax = 40;
constexpr int kCopiesMax = 1000;  // NAME.before-undo, NAME.before-undo.2, ...

std::unexpected<Error> changed(const fs::path& file) {
    return fail(Code::Conflict, fmt::format("{} was changed by another program meanwhile; nothing is written. Run the command again",
                                            file.string()));
}

int rename_with(const fs::path& from, const fs::path& to, unsigned int flags) {
    return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags));
}

bool cannot_exchange(int error) { return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP; }

Result<std::string> whole(const fs::path& file) {
    const Descriptor source(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!source) {
        return fail_errno(fmt::format("reading {}", file.string()), errno);
    }
    std::string text;
    std::array<char, 65536> part;
    for (;;) {
        const ssize_t got = ::read(source.get(), part.data(), part.size());
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail_errno(fmt::format("reading {}", file.string()), errno);
        }
        if (got == 0) {
            return text;
        }
        text.append(part.data(), static_cast<std::size_t>(got));
        if (text.size() > json::kSourceMax) {
            return fail(Code::ResourceExhausted, fmt::format("{} has more than {} bytes; such a file is not read", file.string(), json::kSourceMax));
        }
    }
}

Status sync_folder(const fs::path& file) {
    const Descriptor folder(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder || ::fsync(folder.get()) != 0) {
        return fail_errno(fmt::format("syncing {}", file.parent_path().string()), errno);
    }
    return {};
}

// Takes a half-written file away again, unless it found its place.
class Temporary {
  public:
    explicit Temporary(fs::path path) : path_(std::move(path)) {}
    Temporary(const Temporary&) = delete;
    Temporary& operator=(const Temporary&) = delete;
    ~Temporary() {
        if (!path_.empty()) {
            ::unlink(path_.c_str());
        }
    }
    const fs::path& path() const { return path_; }
    void settled() { path_.clear(); }

  private:
    fs::path path_;
};

}  // namespace

Result<PersonFile> PersonFile::read(const fs::path& path) {
    PersonFile file;
    std::error_code error;
    file.path_ = fs::absolute(path, error);
    file.target_ = file.path_;
    for (int links = 0; fs::is_symlink(fs::symlink_status(file.target_, error)); ++links) {
        if (links == kLinksMax) {
            return fail(Code::InvalidArgument, fmt::format("{} is a link that leads to itself", path.string()));
        }
        const fs::path next = fs::read_symlink(file.target_, error);
        file.target_ = next.is_absolute() ? next : (file.target_.parent_path() / next).lexically_normal();
    }
    struct stat facts {};
    if (::stat(file.target_.c_str(), &facts) != 0) {
        if (errno == ENOENT) {
            return file;
        }
        return fail_errno(fmt::format("looking at {}", file.target_.string()), errno);
    }
    if (!S_ISREG(facts.st_mode)) {
        return fail(Code::InvalidArgument, fmt::format("{} is not a regular file; name another with --file", file.target_.string()));
    }
    RESONANT_ASSIGN(file.text_, whole(file.target_));
    file.there_ = true;
    file.mode_ = facts.st_mode & 07777;
    file.owner_ = facts.st_uid;
    file.group_ = facts.st_gid;
    file.names_ = facts.st_nlink;
    return file;
}

// A whole file with the mode and owner of this one, made durable; there was none of this name.
Status PersonFile::write_beside(const fs::path& temporary, const std::string& text) const {
    ::unlink(temporary.c_str());  // of a process of this number that died
    const Descriptor target(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!target) {
        return fail_errno(fmt::format("writing {}", temporary.string()), errno);
    }
    if (there_) {
        struct stat made {};
        const bool same = ::fstat(target.get(), &made) == 0 && made.st_uid == owner_ && made.st_gid == group_;
        if (!same && ::fchown(target.get(), owner_, group_) != 0) {
            return fail_errno(fmt::format("giving {} the owner of {}; run it as that user", temporary.string(), target_.string()), errno);
        }
        if (::fchmod(target.get(), mode_) != 0) {
            return fail_errno(fmt::format("giving {} the mode of {}", temporary.string(), target_.string()), errno);
        }
    }
    std::size_t done = 0;
    while (done < text.size()) {
        const ssize_t put = ::write(target.get(), text.data() + done, text.size() - done);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return fail_errno(fmt::format("writing {}; {} is as it was", temporary.string(), target_.string()), errno);
        }
        done += static_cast<std::size_t>(put);
    }
    if (::fsync(target.get()) != 0) {
        return fail_errno(fmt::format("syncing {}; {} is as it was", temporary.string(), target_.string()), errno);
    }
    return {};
}

// Never half a copy under its name, and never over one that is there.
Status PersonFile::copy_to(const fs::path& copy) const {
    Temporary temporary(fmt::format("{}.{}.tmp", copy.string(), ::getpid()));
    RESONANT_CHECK(write_beside(temporary.path(), text_));
    if (rename_with(temporary.path(), copy, RENAME_NOREPLACE) != 0) {
        if (!cannot_exchange(errno) || (::link(temporary.path().c_str(), copy.c_str()) != 0 && errno != EEXIST)) {
            return fail_errno(fmt::format("keeping {}", copy.string()), errno);
        }
        return sync_folder(copy);
    }
    temporary.settled();
    return sync_folder(copy);
}

Status PersonFile::keep_original() const {
    std::error_code error;
    if (fs::exists(fs::symlink_status(original(), error))) {
        return {};
    }
    const Status kept = copy_to(original());
    return !kept && fs::exists(fs::symlink_status(original(), error)) ? Status() : kept;  // another run was faster
}

// The two files change places, so that what was there a moment ago can be looked at once more.
Status PersonFile::exchange(const fs::path& temporary) const {
    const Result<std::string> now = whole(target_);
    if (!now || *now != text_) {
        return changed(target_);
    }
    if (rename_with(temporary, target_, RENAME_EXCHANGE) != 0) {
        if (!cannot_exchange(errno)) {
            return fail_errno(fmt::format("replacing {}", target_.string()), errno);
        }
        if (::rename(temporary.c_str(), target_.c_str()) != 0) {
            return fail_errno(fmt::format("replacing {}", target_.string()), errno);
        }
        return sync_folder(target_);
    }
    const Result<std::string> before = whole(temporary);
    if (!before || *before != text_) {
        if (rename_with(temporary, target_, RENAME_EXCHANGE) != 0) {
            return fail(Code::DataLoss, fmt::format("{} was changed meanwhile and could not be put back; what was written lies in {}",
                                                    target_.string(), temporary.string()));
        }
        return changed(target_);
    }
    ::unlink(temporary.c_str());
    return sync_folder(target_);
}

Status PersonFile::replace(const std::string& text, bool keep) {
    std::error_code error;
    if (!there_) {
        fs::create_directories(target_.parent_path(), error);
        if (error) {
            return fail(Code::PermissionDenied, fmt::format("making {}: {}", target_.parent_path().string(), error.message()));
        }
    } else if (keep) {
        RESONANT_CHECK(keep_original());
    }
    Temporary temporary(target_.parent_path() / fmt::format(".{}.resonant-{}.tmp", target_.filename().string(), ::getpid()));
    RESONANT_CHECK(write_beside(temporary.path(), text));
    if (there_) {
        const Status done = exchange(temporary.path());
        if (!done && done.error().code == Code::DataLoss) {
            temporary.settled();
        }
        RESONANT_CHECK(done);
    } else {
        if (rename_with(temporary.path(), target_, RENAME_NOREPLACE) != 0) {
            if (errno == EEXIST) {
                return changed(target_);
            }
            return fail_errno(fmt::format("making {}", target_.string()), errno);
        }
        temporary.settled();
        RESONANT_CHECK(sync_folder(target_));
    }
    RESONANT_ASSIGN(*this, read(path_));
    return {};
}

Status PersonFile::restore(bool keep_current) {
    std::error_code error;
    if (!fs::exists(fs::symlink_status(original(), error))) {
        return fail(Code::NotFound, fmt::format("{} is not there: the original was not changed by this program, or brought back already",
                                                original().string()));
    }
    if (keep_current && there_) {
        const std::string name = target_.string() + ".before-undo";
        Status kept;
        for (int i = 1; i <= kCopiesMax; ++i) {
            const fs::path copy = i == 1 ? name : fmt::format("{}.{}", name, i);
            if (!fs::exists(fs::symlink_status(copy, error))) {
                kept = copy_to(copy);
                break;
            }
        }
        RESONANT_CHECK(kept);
    }
    if (there_) {
        RESONANT_CHECK(exchange(original()));
    } else if (rename_with(original(), target_, RENAME_NOREPLACE) != 0) {
        if (errno == EEXIST) {
            return changed(target_);
        }
        return fail_errno(fmt::format("bringing {} back", target_.string()), errno);
    }
    RESONANT_ASSIGN(*this, read(path_));
    return {};
}

Status PersonFile::remove() {
    RESONANT_ASSIGN(const std::string now, whole(target_));
    if (now != text_) {
        return changed(target_);
    }
    if (::unlink(target_.c_str()) != 0) {
        return fail_errno(fmt::format("removing {}", target_.string()), errno);
    }
    RESONANT_CHECK(sync_folder(target_));
    RESONANT_ASSIGN(*this, read(path_));
    return {};
}

}  // namespace resonant::clients
