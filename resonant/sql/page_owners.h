// Judges what a connection has read, by the pages that were not as they had been written: an answer from such a page is
// worth nothing, unless the page is the ledger's, whose entries prove themselves.
//
// Threads: any, once `file` is set.
//
// Invariants:
//   (1) Once a page of something else was found, everything is refused until the file is another.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <set>
#include <string>

#include "resonant/base/result.h"

struct sqlite3;

namespace resonant::sql {

struct PageOwners {
    // DataLoss when `connection` has read a page that is not as it was written. Cost: a call, when all is well.
    Status judge(sqlite3* connection);

    std::filesystem::path file{};
    std::atomic<bool> refuses{false};
    std::mutex mutex{};
    std::string why{};                   // it refuses
    std::set<std::uint32_t> tolerated{};  // pages of the ledger
};

}  // namespace resonant::sql
