// Imports remember how far a bulk load has come, so that one that was cut off goes on where it stopped:
// the number of records done, which memory each record's key became, and which links wait for a record that comes later.
//
// Threads: any; every change joins the caller's Database::write(), so that a record and the note about it
// commit together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

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
    // The memory with this text and this tag in the same galaxy, that `viewer` may read.
    Result<std::optional<MemoryId>> find_twin(const Memory& memory, const std::string& tag, const std::string& viewer);
    // A link to a record that was not met yet.
    struct Tie {
        std::int64_t row = 0;  // counts up
        MemoryId from = 0;
        std::string to;  // the record's key
        std::string type;
        double weight = 0;
    };
    Status keep_tie(const std::string& job, const Tie& tie);
    // Those behind `row`, in order.
    Result<std::vector<Tie>> ties(const std::string& job, std::int64_t row, std::size_t limit);
    Status drop_ties(const std::string& job, std::int64_t up_to_row);
    // Forgets the job: the next load of the same file begins anew and skips what it finds. In several transactions; the
    // job itself goes with the last, so that one that was cut off here is finished by the next load.
    Status finish(const std::string& job);

  private:
    sql::Database& database_;
    Clock& clock_;
};

}  // namespace resonant::memory
