// What the figures of the store are measured on: whole kernels in fresh homes, a log file like SQLite's for
// the peer, a second process that looks for what was added, and a store that is filled in bulk.
//
// Belongs to one thread.
#pragma once

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <memory>

#include "bench/home.h"
#include "bench/report.h"
#include "resonant/base/descriptor.h"
#include "resonant/runtime/parts.h"
#include "resonant/sql/log_relief.h"

namespace resonant::bench {

namespace fs = std::filesystem;

inline void must(const Status& status) {
    if (!status) {
        give_up(status.error().message);
    }
}

// Text of about 20 words out of a few thousand, as people would write notes; `number` is in it.
inline std::string note(std::uint64_t number) {
    std::uint64_t state = number * 0x9E3779B97F4A7C15U + 1;
    std::string text = fmt::format("n{}", number);
    for (int word = 0; word < 20; ++word) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // Squared, so that some words are frequent and most are rare.
        const std::uint64_t rank = (state % 64) * ((state >> 8) % 64);
        text += fmt::format(" w{:x}", rank * 2654435761U % 0xfffff);
    }
    return text;
}

// A kernel behind no transport, without a model: what is measured is the store.
class BenchKernel {
  public:
    BenchKernel() {
        runtime::Config config;
        config.model = "/nonexistent";
        parts_ = must(runtime::Parts::create(home_.home(), config));
    }
    runtime::Parts& parts() { return *parts_; }
    const fs::path database() const { return home_.home().database(); }

    void add(std::uint64_t number) {
        call::Request request;
        request.tool = "memory.add";
        request.arguments = {{"content", note(number)}};
        request.caller = {.principal = "uid:1000", .client = "bench", .role = call::Role::Agent,
                          .transport = call::Transport::Stdio, .contained = false, .connection = 1};
        const call::Reply reply = parts_->dispatcher->run(std::move(request));
        if (reply.error) {
            give_up(reply.content.dump());
        }
    }

    // What the kernel's upkeep does once a second.
    Status relieve() { return relief_.run(); }

    // Fills the empty store with `count` memories that have no vector and wait for none.
    void fill(std::int64_t count) {
        must(parts_->database->write([&](sql::Connection& connection) -> Status {
            RESONANT_ASSIGN(auto row, connection.prepare(
                "INSERT INTO memories(title, hash, type, importance, is_protected, is_private, source, session,"
                " galaxy, owner, created_ns, updated_ns, distance, predecessor_family, phase, posture)"
                " VALUES('', randomblob(32), 'note', 0.5, 0, 0, '', '', 'default', 'uid:1000', ?1, ?1, 0.5, 0, 0, 0)"));
            RESONANT_ASSIGN(auto text, connection.prepare("INSERT INTO memory_texts VALUES(?, ?)"));
            RESONANT_ASSIGN(auto words, connection.prepare(
                "INSERT INTO memory_words(rowid, title, content, tags) VALUES(?, '', ?, '')"));
            const std::int64_t now = parts_->clock.wall().count;
            for (std::int64_t i = 1; i <= count; ++i) {
                const std::string content = note(static_cast<std::uint64_t>(i) + kFilled);
                RESONANT_CHECK(row.reset().bind(1, now - (count - i) * 1'000).run());
                const std::int64_t id = connection.last_insert_id();
                RESONANT_CHECK(text.reset().bind(1, id).bind(2, content).run());
                RESONANT_CHECK(words.reset().bind(1, id).bind(2, content).run());
            }
            return {};
        }));
        must(parts_->database->checkpoint());
    }

    static constexpr std::uint64_t kFilled = 1'000'000'000;  // numbers of filled memories begin here

  private:
    BenchHome home_;
    std::unique_ptr<runtime::Parts> parts_;
    sql::LogRelief relief_{home_.home().database()};
};

// Another process that looks for the memory whose number it is given until it finds it.
class Finder {
  public:
    explicit Finder(const fs::path& database) {
        void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        RESONANT_ENSURE(page != MAP_FAILED, "a page to talk over");
        shared_ = new (page) Shared;
        child_ = ::fork();
        if (child_ == 0) {
            look(database);
        }
    }
    Finder(const Finder&) = delete;
    Finder& operator=(const Finder&) = delete;
    ~Finder() {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
    }

    void ask(std::uint64_t number) { shared_->wanted.value.store(number); }
    void wait(std::uint64_t number) const {
        while (shared_->found.value.load() != number) {
        }
    }

  private:
    struct Shared {
        Padded<std::atomic<std::uint64_t>> wanted;
        Padded<std::atomic<std::uint64_t>> found;
    };

    // The file is the kernel's, which this process has not opened: nothing is shared but the disk.
    [[noreturn]] void look(const fs::path& file) {
        const auto database = must(sql::Database::open(file, {.readers = 1, .read_only = true}));
        std::int64_t seen = -1;
        for (std::uint64_t number = 0;;) {
            if (const std::uint64_t wanted = shared_->wanted.value.load(); wanted != number) {
                number = wanted;
                seen = -1;
            }
            if (shared_->found.value.load() == number) {
                continue;
            }
            must(database->read([&](sql::Connection& connection) -> Status {
                RESONANT_ASSIGN(auto version, connection.prepare("PRAGMA data_version"));
                RESONANT_CHECK(version.step());
                if (std::exchange(seen, version.integer(0)) == version.integer(0)) {
                    return {};
                }
                RESONANT_ASSIGN(auto row, connection.prepare("SELECT rowid FROM memory_words WHERE memory_words MATCH ?"));
                RESONANT_ASSIGN(const bool is_there, row.bind(1, fmt::format("n{}", number)).step());
                if (is_there) {
                    shared_->found.value.store(number);
                }
                return {};
            }));
        }
    }

    Shared* shared_ = nullptr;
    pid_t child_ = -1;
};

// A file that is written over in pieces as large as what one add appends to SQLite's log.
class LogFile {
  public:
    explicit LogFile(std::size_t piece) : piece_(piece, 'x') {
        for (std::size_t at = 0; at < kBytes; at += piece_.size()) {
            write(at);
        }
        RESONANT_ENSURE(::fsync(file_.get()) == 0, "the peer's file");
    }
    ~LogFile() { fs::remove(path_); }
    void append() {
        at_ = at_ + piece_.size() > kBytes ? 0 : at_ + piece_.size();
        write(at_);
        RESONANT_ENSURE(::fdatasync(file_.get()) == 0, "sync of the peer's file");
    }

  private:
    static constexpr std::size_t kBytes = 8U << 20;
    void write(std::size_t at) {
        RESONANT_ENSURE(::pwrite(file_.get(), piece_.data(), piece_.size(), static_cast<off_t>(at)) ==
                            static_cast<ssize_t>(piece_.size()), "write to the peer's file");
    }
    SystemRandom random_;
    fs::path path_ = fs::temp_directory_path() / ("resonant-bench-log-" + random_.hex(8));
    std::string piece_;
    Descriptor file_{::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    std::size_t at_ = 0;
};

}  // namespace resonant::bench
