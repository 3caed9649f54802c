#include "resonant/sql/reader_pool.h"

#include <sqlite3.h>

#include <utility>

namespace resonant::sql {

struct ReaderPool::Loan {
    // Ends the transaction that holds the state; a read that failed may have ended it already, and then this fails.
    ~Loan() {
        if (Result<Statement> end = reader->prepare("ROLLBACK")) {
            static_cast<void>(end->run());
        }
        if (sqlite3_get_autocommit(reader->handle()) == 0) {  // there was no memory to prepare it
            sqlite3_exec(reader->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
        }
        const std::lock_guard lock(pool.mutex_);
        pool.reading_.erase(std::this_thread::get_id());
        pool.idle_.push_back(reader);
        pool.returned_.notify_all();
    }
    ReaderPool& pool;
    Connection* reader;
};

void ReaderPool::add(std::unique_ptr<Connection> reader) {
    idle_.push_back(reader.get());
    readers_.push_back(std::move(reader));
}

Status ReaderPool::lend(const std::function<Status(Connection&)>& query) {
    const std::thread::id thread = std::this_thread::get_id();
    std::unique_lock lock(mutex_);
    if (const auto mine = reading_.find(thread); mine != reading_.end()) {
        Connection& same = *mine->second;
        lock.unlock();
        return query(same);
    }
    returned_.wait(lock, [&] { return hushed_ == 0 && !idle_.empty(); });
    Connection* reader = idle_.back();
    idle_.pop_back();
    reading_.emplace(thread, reader);
    lock.unlock();
    const Loan loan{*this, reader};
    RESONANT_ASSIGN(Statement begin, reader->prepare("BEGIN"));
    RESONANT_CHECK(begin.run());
    const Status outcome = query(*reader);
    const Status sound = owners_.judge(reader->handle());
    return sound ? outcome : sound;
}

// SQLite itself only polls for a moment without readers, and busy ones never leave it one.
Status ReaderPool::hush(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    if (reading_.contains(std::this_thread::get_id())) {
        return fail(Code::Conflict, "checkpoint: called inside read(); call it after it");
    }
    ++hushed_;
    const bool silent = returned_.wait_for(lock, patience, [&] { return reading_.empty(); });
    if (silent) {
        return {};
    }
    --hushed_;
    returned_.notify_all();
    return fail(Code::Unavailable, "checkpoint: a reader holds an old state; try again");
}

void ReaderPool::let_go_on() {
    const std::lock_guard lock(mutex_);
    --hushed_;
    returned_.notify_all();
}

}  // namespace resonant::sql
