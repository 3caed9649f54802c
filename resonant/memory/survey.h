// A Survey answers what upkeep wants to know of the rows: where memories lie, which hang on nothing,
// which contradict each other, which nobody needs. It reads public, live memories only, and keeps the
// marks that upkeep and feedback set.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/memory/data_sea.h"
#include "resonant/memory/memory.h"
#include "resonant/sql/database.h"

namespace resonant::memory {

struct Placed {
    MemoryId id = 0;
    double distance = 0;
    double importance = 0;
    std::uint16_t constellation = 0;
    std::uint32_t recalls = 0;
    std::int64_t used_ns = 0;  // last stored, changed or read
    bool is_protected = false;
    std::uint32_t links = 0;
};

struct PairOfMemories {
    MemoryId source = 0;
    MemoryId target = 0;
};

struct Episode {
    std::string session;  // "s7"
    std::string galaxy;
    std::vector<MemoryId> members;    // oldest first
    std::vector<std::string> titles;  // theirs, or the first words
    std::int64_t first_ns = 0, last_ns = 0;
};

struct Junk {
    MemoryId id = 0;
    std::string evidence;  // "never recalled, near-duplicate of m7"
};

struct Untidiness {
    std::size_t without_vector = 0, without_title = 0, without_tags = 0, without_link = 0;
    std::size_t far_and_important = 0;  // outer rim or beyond, importance 0.7 or more
};

class Survey {
  public:
    static Status create_table(sql::Connection& connection);
    Survey(sql::Database& database, Clock& clock) : database_(database), clock_(clock) {}
    Survey(const Survey&) = delete;
    Survey& operator=(const Survey&) = delete;

    // By id. `limit` of the nearest to the core when there are more.
    Result<std::vector<Placed>> places(std::size_t limit);
    // With a vector and a constellation, but no link.
    Result<std::vector<MemoryId>> unlinked(std::size_t limit);
    // Links of that type between live memories.
    Result<std::vector<PairOfMemories>> linked_by(const std::string& type, std::size_t limit);
    // Memories with more links than the mean and two standard deviations, most first.
    Result<std::vector<PairOfMemories>> hubs(std::size_t limit);  // source: the memory, target: its links
    // Sessions with three or more memories, nothing new since `before_ns`, and no narrative yet.
    Result<std::vector<Episode>> episodes(std::size_t limit, std::int64_t before_ns);
    // Unprotected, never recalled, older than `before_ns`, and superseded or a near-duplicate.
    Result<std::vector<Junk>> junk(std::size_t limit, std::int64_t before_ns);
    Result<Untidiness> untidiness();
    // Live links that lead from these memories to what `viewer` may see.
    Result<std::vector<Edge>> edges_from(std::span<const MemoryId> ids, const std::string& viewer);

    // Marks: 'junk', 'useful' or 'useless', the newest of each kind a memory. A kind of books: no effect
    // in the ledger's sense is made of them by reading.
    Status mark(MemoryId id, const std::string& kind, const std::string& evidence);
    Result<std::map<MemoryId, std::int64_t>> marked(const std::string& kind);  // and when
    // Called useless since `since_ns`, and not useful after it. By id.
    Result<std::vector<MemoryId>> useless(std::int64_t since_ns);

  private:
    sql::Database& database_;
    Clock& clock_;
};

}  // namespace resonant::memory
