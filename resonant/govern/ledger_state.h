// What a Ledger holds. Private to its sources: ledger.cc appends, ledger_start.cc checks.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "resonant/govern/ledger.h"
#include "resonant/govern/ledger_check.h"
#include "resonant/govern/ledger_entry.h"
#include "resonant/govern/ledger_head.h"
#include "resonant/govern/ledger_reads.h"
#include "resonant/govern/ledger_reserve.h"

namespace resonant::govern {

struct Ledger::Inner {
    Inner(sql::Database& held_database, Clock& held_clock)
        : database(held_database),
          clock(held_clock),
          reserve(held_database.file().parent_path() / "ledger.reserve", held_clock) {}

    sql::Database& database;
    Clock& clock;
    Reserve reserve;
    std::unique_ptr<HeadFile> head_file;
    std::mutex head_mutex;
    std::uint64_t head_written = 0;

    std::atomic<bool> verified{false};
    mutable std::mutex state_mutex;
    std::string broken;  // why intents are refused; empty when they are not
    std::vector<std::uint64_t> open_at_start;  // of a kernel that stopped, not closed yet

    std::mutex rest_mutex;
    std::optional<ChainCheck> rest;       // of all entries, where open() looked at the last ones only
    std::uint64_t start_head = 0;         // the last entry when it opened
    std::atomic<std::uint64_t> unchecked{0};

    ReadNotes reads;
    std::mutex mismatches_mutex;
    std::vector<LedgerEntry> mismatches;

    Status keep_books(const std::function<Status(sql::Connection&)>& change);
    Result<Head> put(LedgerEntry& entry);
    Status remember_head();
    Result<Head> remembered();
    Result<ChainReport> check(Nanos since);
    Result<ChainReport> check_at_start(std::uint64_t tail);
    void take_note(bool is_whole, std::string why);
    Status close_open_intents();
    std::string why_broken() const {
        const std::lock_guard lock(state_mutex);
        return broken;
    }
};

}  // namespace resonant::govern
