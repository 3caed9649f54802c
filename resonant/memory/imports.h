// Imports remember how far a bulk load has come, so that one that was cut off goes on where it stopped:
// the number of records done, and which memory each record's key became, for links between records.
//
// Threads: any; every change joins the caller's Database::write(), so that a record and the note about it
// commit together.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "resonant/base/clock.h"
#include "resonant/memory/memory.h"
#include "resonant/sql/database.h"

namespace resonant::memory {

class Imports {
  public:
    static Status create_table(sql::Connection& connection);
    Imports(sql::Database& database, Clock& clock) : database_(database), clock_(clock) {}
    Imports(const Imports&) = delete;
    Imports& operator=(const Imports&) = delete;

    // Records of `job` that are done already; 0 for a new one.
    Result<std::size_t> done(const std::string& job);
    Status advance(const std::string& job, std::size_t done);
    Status keep_key(const std::string& job, const std::string& key, MemoryId id);
    Result<std::optional<MemoryId>> find_key(const std::string& job, const std::string& key);
    // Forgets the job: the next load of the same file begins anew and skips what it finds.
    Status finish(const std::string& job);

  private:
    sql::Database& database_;
    Clock& clock_;
};

}  // namespace resonant::memory
