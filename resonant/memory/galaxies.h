// Galaxies are separate stores of memories, for example one a project: a memory lies in exactly one,
// and is found only by those who name it. They share one database file, so that a change and its
// ledger entry stay one transaction. "default" is always there.
//
// Threads: any.
//
// Invariants:
//   (1) A retired galaxy takes no new memories and is in no list but that of the retired; what lies in
//       it stays, and can be read by who names it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/sql/database.h"

namespace resonant::memory {

inline constexpr const char* kDefaultGalaxy = "default";
inline constexpr std::size_t kGalaxyNameMax = 64;  // bytes

struct Galaxy {
    std::string name;  // 1 to 64 of a-z A-Z 0-9 . _ -
    std::string description;
    std::vector<std::string> tags;
    std::string by;
    std::int64_t created_ns = 0;
    std::int64_t retired_ns = 0;  // 0: in use
    std::size_t memories = 0;     // that the viewer may see, archived ones too
};

class Galaxies {
  public:
    static Status create_table(sql::Connection& connection);
    Galaxies(sql::Database& database, Clock& clock) : database_(database), clock_(clock) {}
    Galaxies(const Galaxies&) = delete;
    Galaxies& operator=(const Galaxies&) = delete;

    // AlreadyExists when it is in use; a retired one comes back with what lies in it.
    Status create(const Galaxy& galaxy);
    Status retire(const std::string& name, const std::string& by);
    // By name; those with memories that were never created by name count as created.
    Result<std::vector<Galaxy>> list(const std::string& viewer);
    // Ok when it can be asked: one that is retired, too. NotFound as check_open().
    Status check_known(const std::string& name);
    // Ok when memories may be added to it. NotFound names the galaxies there are; Conflict when it is
    // retired.
    Status check_open(const std::string& name);

    // The galaxy that calls of `key` (a session, or a connection) mean when they name none.
    Status choose(const std::string& key, const std::string& name);
    Result<std::string> chosen(const std::string& key);

  private:
    Result<Galaxy> known(const std::string& name);

    sql::Database& database_;
    Clock& clock_;
};

}  // namespace resonant::memory
