// Constellations are the groups that public memories form by meaning: clusters of their embeddings,
// each with a name out of its members' tags and titles. A constellation that is found again keeps its
// id, and its name while at least half of it stayed together.
//
// Threads: any; refresh() is one transaction and may run inside the caller's own Database::write().
//
// Invariants:
//   (1) Only public, live memories with a vector belong to one; each to one at most, in its galaxy.
//   (2) An id is never used twice; memories.constellation is 0 or the id of a row here.
//   (3) A name is made of words of the members; Store::erase() takes all names away with a member.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/search/clusters.h"
#include "resonant/sql/database.h"

namespace resonant::memory {

struct Constellation {
    std::uint16_t id = 0;
    std::string galaxy;
    std::string name;               // "release, signing"; empty until the next refresh after an erasure
    std::vector<std::string> tags;  // the most telling first, at most 5
    std::size_t size = 0;
    double cohesion = 0;   // mean cosine of its members to its centre, 0..1
    double stability = 0;  // share of members, old and new together, that are in both: 0..1
    double drift = 0;      // 1 - cosine of its centre now and at the refresh before, 0..2
    std::int64_t made_ns = 0;
};

class Constellations {
  public:
    struct Report {
        std::size_t found = 0;     // constellations there are now
        std::size_t vanished = 0;  // of those before
        std::size_t moved = 0;     // memories whose constellation changed
    };

    // Creates its table when absent.
    static Status create_table(sql::Connection& connection);
    Constellations(sql::Database& database, Clock& clock) : database_(database), clock_(clock) {}
    Constellations(const Constellations&) = delete;
    Constellations& operator=(const Constellations&) = delete;

    // Finds them anew in every galaxy, from vectors of `model`. With `dry_run` nothing is written.
    // Cost: reads every public vector once or twice; seeds come from at most kSampled of them.
    Result<Report> refresh(const std::string& model, bool dry_run);
    // Largest first; `galaxy` empty: all.
    Result<std::vector<Constellation>> list(const std::string& galaxy, std::size_t limit);

    static constexpr std::size_t kSampled = 8'192;

  private:
    Status refresh_galaxy(sql::Connection& connection, const std::string& galaxy,
                          const std::string& model, bool dry_run, Report& report);

    sql::Database& database_;
    Clock& clock_;
};

}  // namespace resonant::memory
