// A Store is the truth about memories: rows in SQLite, with their history, links and words. It
// knows no vectors but as rows; the DataSea puts the mapped copy and the search over it on top.
//
// Threads: any.
//
// Invariants:
//   (1) A change is one transaction: rows, text index, history and what is still to be embedded.
//   (2) Only erase() takes a row away.
//   (3) Each change of a text keeps the former one; each change but a sweep raises the version by
//   one.
#pragma once

#include <map>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/memory/data_sea.h"
#include "resonant/memory/digest.h"
#include "resonant/search/kernels.h"
#include "resonant/memory/rows.h"
#include "resonant/memory/word_lengths.h"
#include "resonant/memory/word_scores.h"
#include "resonant/sql/database.h"

namespace resonant::memory {

class Store {
  public:
    static constexpr std::size_t kSideMax = 4;

    Store(sql::Database& database, Clock& clock) : database_(database), clock_(clock) {}
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    // Changes: as in DataSea.
    Result<Added> add(const Memory& memory, Twin twin = Twin::Reinforce);
    // True when its vector in the copy is stale: the text changed, or it moved to another galaxy.
    Result<bool> update(MemoryId id, const Update& update, const std::string& by);
    Status archive(MemoryId id, const std::string& reason, const std::string& by);
    Result<bool> restore(MemoryId id, std::optional<std::uint32_t> version, const std::string& by);
    Status protect(MemoryId id, bool is_protected, const std::string& by);
    Status erase(MemoryId id, const std::string& reason, const std::string& by);
    Status link(const Edge& edge, bool remove, const std::string& by);

    // Questions: as in DataSea.
    Result<Memory> read(MemoryId id, const std::string& viewer);
    Result<std::vector<Version>> history(MemoryId id, const std::string& viewer);
    Result<std::vector<Hit>> related(MemoryId id, int hops, const std::vector<std::string>& types,
                                     std::size_t limit, const std::string& viewer);
    Result<std::vector<Hit>> list(const std::string& sort, const Filter& filter, std::size_t limit,
                                  std::size_t offset, const std::string& viewer);
    // Score: bm25 (title x4, tags x2, content x1), a quarter more where every word is found.
    Result<std::vector<Hit>> search(const std::string& query, const Filter& filter,
                                    std::size_t limit, std::size_t offset,
                                    const std::string& viewer);
    // Which words of the query stand in which memories, for whoever weighs them further; settled for the best `count`
    // that `filter` lets through.
    Result<WordScores> word_scores(const std::string& query, const Filter& filter, std::size_t count,
                                   const std::string& viewer);
    // Of each: the memories of its session that were stored right before and after it and that `filter`
    // lets through, itself among them, in their order: at most kSideMax on each side.
    Result<std::vector<std::vector<MemoryId>>> around(std::span<const search::Scored> ids, const Filter& filter,
                                                      const std::string& viewer);
    // Compares the text index with the memories; builds it anew where that is wanted and needed.
    Status check_words(bool repair, std::vector<std::string>& findings);
    // Links that stand between memories of `ids`.
    Result<std::vector<Edge>> edges_among(std::span<const MemoryId> ids);
    // What speaks against those of `ids` that upkeep marked as junk, or that something the viewer may see supersedes.
    Result<std::map<MemoryId, std::string>> faults_among(std::span<const MemoryId> ids, const std::string& viewer);

    // Life: as in DataSea.
    Result<SweepReport> sweep(std::size_t limit, bool dry_run, bool only_used);
    Result<ZoneStats> zones(const std::string& galaxy, const std::optional<std::string>& viewer);
    // Memories that dreaming made out of this one's words: they go with it.
    Result<std::vector<MemoryId>> derived_from(MemoryId id);
    Result<std::vector<std::tuple<Zone, Zone, std::size_t, std::int64_t>>> movements();
    Status touch(std::span<const std::pair<MemoryId, std::uint32_t>> counts, std::int64_t at_ns);

  private:
    // `hash`: of its text.
    Result<Added> insert(sql::Connection& connection, const Memory& memory, const Sha256& hash);
    Status reinforce(sql::Connection& connection, MemoryId id, const Memory& memory);
    Status change_text(sql::Connection& connection, const Memory& before, const Memory& after);
    Status change_tags(sql::Connection& connection, const Memory& before, const Memory& after);
    // Writes `after` over `before` as its next version, and moves it to where it now belongs.
    Status write_version(sql::Connection& connection, const Memory& before, Memory after,
                         std::string_view what, const std::string& by, const std::string& reason);
    Result<double> distance_now(sql::Connection& connection, const Memory& memory);
    Status record_move(sql::Connection& connection, MemoryId id, Zone source, Zone target);

    sql::Database& database_;
    Clock& clock_;
    WordLengths lengths_;
};

}  // namespace resonant::memory
