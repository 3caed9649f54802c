#include "resonant/runtime/home.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <system_error>

#include "resonant/base/secret.h"
#include "resonant/base/sha256.h"

namespace resonant::runtime {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
}

// Whose folder it is, and who else may write to it. Nothing is changed: a mode was somebody's wish.
Status check_folder(const fs::path& folder) {
    struct stat seen {};
    if (::stat(folder.c_str(), &seen) != 0) {
        return fail_errno(fmt::format("home: looking at {}", folder.string()), errno);
    }
    if (!S_ISDIR(seen.st_mode)) {
        return fail(Code::InvalidArgument,
                    fmt::format("home: {} is not a folder; give another with --home", folder.string()));
    }
    if (seen.st_uid != ::geteuid()) {
        return fail(Code::PermissionDenied,
                    fmt::format("home: {} belongs to uid {}, this is uid {}; give a home of your own with "
                                "--home",
                                folder.string(), seen.st_uid, ::geteuid()));
    }
    if ((seen.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return fail(Code::PermissionDenied,
                    fmt::format("home: others may write to {} (mode {:04o}); close it with `chmod go-w {}` or give "
                                "another folder with --home",
                                folder.string(), seen.st_mode & 07777U, folder.string()));
    }
    return {};
}

Status make_private_folder(const fs::path& folder) {
    if (::mkdir(folder.c_str(), 0700) == 0) {
        return {};
    }
    if (errno != EEXIST) {
        return fail_errno(fmt::format("home: making {}", folder.string()), errno);
    }
    return check_folder(folder);
}

// What is in a folder that may be a home.
enum class Contents : std::uint8_t { Absent, Empty, Home, Other };

Result<Contents> contents_of(const fs::path& root) {
    std::error_code error;
    if (!fs::exists(root, error)) {
        return error ? Result<Contents>(fail_errno(fmt::format("home: looking at {}", root.string()), error.value())) : Contents::Absent;
    }
    RESONANT_CHECK(check_folder(root));
    const Home home{root};
    for (const fs::path& mark : {home.database(), home.policy(), home.config()}) {
        if (fs::exists(mark, error)) {
            return Contents::Home;
        }
    }
    for (fs::directory_iterator entry(root, error), end; !error && entry != end; entry.increment(error)) {
        if (entry->path().filename() != "lost+found") {  // of a disk of its own
            return Contents::Other;
        }
    }
    return error ? Result<Contents>(fail_errno(fmt::format("home: looking into {}", root.string()), error.value())) : Contents::Empty;
}

std::unexpected<Error> refuse_other(const fs::path& root) {
    return fail(Code::InvalidArgument, fmt::format("home: {} holds other things and is not a home of resonant; give an "
                                                   "empty or new folder with --home",
                                                   root.string()));
}

Status sync_folder(const fs::path& folder) {
    const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory || ::fsync(directory.get()) != 0) {
        return fail_errno(fmt::format("home: syncing {}", folder.string()), errno);
    }
    return {};
}

}  // namespace

Result<fs::path> choose_home(const std::optional<std::string>& flag) {
    if (flag && !flag->empty()) {
        return fs::absolute(*flag);
    }
    if (const std::string home = environment("RESONANT_HOME"); !home.empty()) {
        return fs::absolute(home);
    }
    if (const std::string state = environment("XDG_STATE_HOME"); !state.empty()) {
        return fs::path(state) / "resonant";
    }
    if (const std::string user = environment("HOME"); !user.empty()) {
        return fs::path(user) / ".local" / "state" / "resonant";
    }
    return fail(Code::NotFound, "home: neither --home nor RESONANT_HOME, XDG_STATE_HOME or HOME is set; "
                                "give --home DIR");
}

Result<Home> find_home(const fs::path& root) {
    RESONANT_ASSIGN(const Contents contents, contents_of(root));
    switch (contents) {
        case Contents::Home: return Home{root};
        case Contents::Other: return refuse_other(root);
        case Contents::Absent:
        case Contents::Empty: break;
    }
    return fail(Code::NotFound, fmt::format("there is no home in {} yet; make one with: resonant --home {} init",
                                            root.string(), root.string()));
}

Result<Home> open_home(const fs::path& root, Random& random) {
    Home home{root};
    RESONANT_ASSIGN(const Contents contents, contents_of(root));
    if (contents == Contents::Other) {
        return refuse_other(root);
    }
    std::error_code error;
    fs::create_directories(root.parent_path(), error);
    RESONANT_CHECK(make_private_folder(root));
    // policy.d first: what is left by a start that was cut off is a home.
    for (const fs::path& folder : {home.policy(), home.segments(), home.prompts(), home.inbox(), home.outbox()}) {
        RESONANT_CHECK(make_private_folder(folder));
    }
    if (!fs::exists(home.token())) {
        // Two processes may make a home at once: the first token stays.
        const fs::path mine = fmt::format("{}.{}.new", home.token().string(), ::getpid());
        RESONANT_CHECK(write_file(mine, random.hex(32) + "\n"));
        const bool linked = ::link(mine.c_str(), home.token().c_str()) == 0 || errno == EEXIST;
        const int why = errno;
        ::unlink(mine.c_str());
        if (!linked) {
            return fail_errno(fmt::format("home: making {}", home.token().string()), why);
        }
    }
    return home;
}

Result<Descriptor> lock_file(const fs::path& file, bool wait) {
    Descriptor lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock) {
        return fail_errno(fmt::format("lock: opening {}", file.string()), errno);
    }
    if (::flock(lock.get(), LOCK_EX | (wait ? 0 : LOCK_NB)) != 0) {
        if (errno == EWOULDBLOCK) {
            return fail(Code::Conflict,
                        fmt::format("lock: {} is held by another process: a kernel runs on this home; stop it "
                                    "with `resonant down` or use another --home",
                                    file.string()));
        }
        return fail_errno(fmt::format("lock: {}", file.string()), errno);
    }
    return lock;
}

Result<std::uint64_t> next_epoch(const Home& home) {
    std::uint64_t epoch = 0;
    if (Result<std::string> text = read_file(home.epoch())) {
        const auto parsed = std::from_chars(text->data(), text->data() + text->size(), epoch);
        if (parsed.ec != std::errc()) {
            return fail(Code::DataLoss, fmt::format("epoch: {} holds no number; delete the file to start at 1",
                                                    home.epoch().string()));
        }
    } else if (text.error().code != Code::NotFound) {
        return std::unexpected(text.error());
    }
    RESONANT_CHECK(write_file(home.epoch(), fmt::format("{}\n", epoch + 1)));
    return epoch + 1;
}

Result<std::string> read_file(const fs::path& file) {
    const Descriptor source(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!source) {
        return fail_errno(fmt::format("reading {}", file.string()), errno);
    }
    std::string text;
    std::array<char, 4096> part{};
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
    }
}

Status write_file(const fs::path& path, const std::string& text) {
    // A link stays one: what it leads to is written.
    std::error_code error;
    const fs::path resolved = fs::is_symlink(fs::symlink_status(path, error)) ? fs::canonical(path, error) : path;
    const fs::path file = error ? path : resolved;
    // A name of its own: two processes may write the same file at once, and the last one wins whole.
    const fs::path temporary = fmt::format("{}.{}.tmp", file.string(), ::getpid());
    const auto drop = [&temporary](std::unexpected<Error> why) {
        ::unlink(temporary.c_str());  // half a file is of no use to anybody
        return why;
    };
    {
        const Descriptor target(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (!target) {
            return fail_errno(fmt::format("writing {}", temporary.string()), errno);
        }
        std::size_t done = 0;
        while (done < text.size()) {
            const ssize_t put = ::write(target.get(), text.data() + done, text.size() - done);
            if (put < 0 && errno == EINTR) {
                continue;
            }
            if (put < 0) {
                return drop(fail_errno(fmt::format("writing {}", temporary.string()), errno));
            }
            done += static_cast<std::size_t>(put);
        }
        if (::fsync(target.get()) != 0) {
            return drop(fail_errno(fmt::format("syncing {}", temporary.string()), errno));
        }
    }
    if (::rename(temporary.c_str(), file.c_str()) != 0) {
        return drop(fail_errno(fmt::format("renaming {}", temporary.string()), errno));
    }
    return sync_folder(file.parent_path());
}

Result<std::string> set_admin_secret(const Home& home, Random& random) {
    if (has_admin_secret(home)) {
        return fail(Code::AlreadyExists,
                    fmt::format("init: this home has an admin secret already; to make a new one delete {} "
                                "and call init again",
                                home.admin().string()));
    }
    std::string secret = random.hex(24);
    RESONANT_CHECK(write_file(home.admin(), sha256_hex(secret) + "\n"));
    return secret;
}

bool has_admin_secret(const Home& home) { return fs::exists(home.admin()); }

bool is_admin_secret(const Home& home, const std::string& secret) {
    const Result<std::string> kept = read_file(home.admin());
    const std::string given = sha256_hex(secret) + "\n";
    return kept && is_same_secret(given, *kept);
}

}  // namespace resonant::runtime
