// The DataSea remembers and recalls: SQLite is the truth, Arrow segments the mapped hot copy, a
// search over both. (Seed: Data Sea, build_data_sea, data_sea_search, search_similar_arrow,
// galactic memory.)
//
// Threads: any.
//
// Invariants:
//   (1) add() and every change are durable when they return, and findable by words; vectors follow
//   in
//       the background (catch_up) and say so.
//   (2) Nothing is deleted: archive moves to the far edge, update keeps the former version. erase()
//   is
//       the one exception, for the owner.
//   (3) Vector search is exact: ids and order equal a full float32 scan (ties by id).
//   (4) Private memories never enter an Arrow segment; a query sees them only for their owner, and
//   only
//       the owner may change them. To everybody else they are NotFound.
//   (5) Every change may run inside the caller's own Database::write(): it then commits with it.
//   The
//       ChangeSink is told at the end of the operation, which inside an outer write() is before the
//       commit: a sink that must not see what is rolled back is run by the caller after it.
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/embed/embedder.h"
#include "resonant/memory/memory.h"
#include "resonant/sql/database.h"

namespace resonant::memory {

// Told of every change, inside the kernel; runtime binds it to the ring.
enum class Change : std::uint8_t {
    Created,
    Updated,
    Accessed,
    Archived,
    Restored,
    Erased,
    Moved,
    Indexed
};
using ChangeSink = std::function<void(Change, MemoryId, std::uint64_t detail)>;

struct Version {
    std::uint32_t version = 0;
    std::string title;
    std::string content;
    std::string by;    // principal
    std::string what;  // "created", "updated", "transferred" (to another galaxy), "archived", "restored", "protected", "moved" (to another zone: no version)
    std::int64_t at_ns = 0;
};

struct Edge {
    MemoryId from = 0;
    MemoryId to = 0;
    std::string type;  // related|extends|contradicts|supersedes|temporal|causal|near_duplicate
    double weight = 0.5;
};

// What becomes of content that is there already: the memory is told again, or there is another of it.
enum class Twin : std::uint8_t { Reinforce, Copy };

struct Added {
    MemoryId id = 0;
    bool reinforced = false;     // identical content was there already
    std::vector<MemoryId> near;  // near-duplicates known by then; catch_up() links the others
};

struct Update {
    std::optional<std::string> title, content;
    std::vector<std::string> add_tags, remove_tags;
    std::optional<double> importance;
    std::optional<std::string> galaxy;  // where it moves to
    std::optional<std::uint32_t> if_version;
};

struct Page {
    std::vector<Hit> hits;
    std::string cursor;  // empty at the end
    bool vectors_used = false;
    std::string note;  // what is missing, e.g. "no model: words only"
};

struct VectorStatus {
    std::string model, kernel;
    std::size_t rows = 0, embedded = 0, segments = 0;
    std::uint64_t bytes = 0;
    std::int64_t built_ns = 0;
    bool from_sqlite = false;  // no Arrow copy yet: exact search from SQLite
};

struct SweepReport {
    std::size_t rescored = 0;
    std::vector<std::tuple<MemoryId, Zone, Zone>> moves;
};

struct ZoneStats {
    std::array<std::size_t, 5> count{};
    std::size_t archived = 0, protected_count = 0, total = 0;
    double mean_retention = 0;
};

class DataSea {
  public:
    // `folder` holds segments; `embedder` may be null (then words only). Creates tables when
    // absent. Conflict when a newer program made the tables. A missing, stale or damaged Arrow copy
    // is no error: search goes to SQLite until catch_up() or verify() has rebuilt it.
    static Result<std::unique_ptr<DataSea>> open(sql::Database& database,
                                                 std::filesystem::path folder, embed::Embedder* embedder,
                                                 Clock& clock, ChangeSink sink);
    DataSea(const DataSea&) = delete;
    DataSea& operator=(const DataSea&) = delete;
    ~DataSea();

    Result<Added> add(const Memory& memory, Twin twin = Twin::Reinforce);
    Status update(MemoryId id, const Update& update, const std::string& by);
    Status archive(MemoryId id, const std::string& reason, const std::string& by);
    Status restore(MemoryId id, std::optional<std::uint32_t> version, const std::string& by);
    Status protect(MemoryId id, bool is_protected, const std::string& by);
    // Owner only (checked above): the text is gone from every file of the home when it returns; a
    // tombstone stays. Inside an outer write() the rows go with its commit, and the caller runs
    // finish_erase() after it. Cost: rewrites the text index and the Arrow copy.
    Status erase(MemoryId id, const std::string& reason, const std::string& by);
    // Takes what was erased out of the log and the Arrow copy. Conflict inside a write().
    Status finish_erase();
    Status link(const Edge& edge, bool remove, const std::string& by);

    // `viewer` is the principal that asks: others' private memories are NotFound for it.
    Result<Memory> read(MemoryId id, const std::string& viewer);
    Result<std::vector<Version>> history(MemoryId id, const std::string& viewer);
    Result<std::vector<Hit>> related(MemoryId id, int hops, const std::vector<std::string>& types,
                                     std::size_t limit, const std::string& viewer);
    // `sort`: created, accessed or importance (greatest first), or distance (nearest first).
    Result<Page> list(const std::string& sort, const Filter& filter, std::size_t limit,
                      const std::string& cursor, const std::string& viewer);
    // Full text, best first; every text is a legal query, and one without words lists the newest.
    Result<Page> search(const std::string& query, const Filter& filter, std::size_t limit,
                        const std::string& cursor, const std::string& viewer);
    // Words, meaning and links fused.
    Result<Page> recall(const std::string& query, const Filter& filter, std::size_t limit,
                        const std::string& viewer);
    Result<Page> nearest(const Vector& query, const Filter& filter, std::size_t k, double score_min,
                         const std::string& viewer);
    // The same for several queries, in passes that they share and of one state.
    Result<std::vector<Page>> nearest_each(std::span<const Vector> queries, const Filter& filter, std::size_t k,
                                           double score_min, const std::string& viewer);
    Result<Vector> vector_of(MemoryId id, const std::string& viewer);
    Result<Vector> embed(std::string_view text);

    // Bounded kinds of links, for schemas: "related", "extends", ...
    static std::span<const std::string_view> link_types();

    // Memories that have no vector of this model yet. O(of them).
    Result<std::size_t> waiting() const;
    // Embeds what has no vector yet and folds it into the Arrow copy; at most `limit` memories.
    // Returns how many are left. Called by the background thread and by vector.index.
    Result<std::size_t> catch_up(std::size_t limit,
                                 const std::function<void(std::size_t, std::size_t)>& progress);
    // Writes the Arrow copy anew from SQLite, and the text index where it differs from the memories; nothing else
    // changes. Conflict inside a write(). `progress`: of the copy's rows.
    Status rebuild(const std::function<void(std::size_t, std::size_t)>& progress);
    VectorStatus status();
    // Rescores the memories that were not for the longest time, and moves them between zones.
    Result<SweepReport> sweep(std::size_t limit, bool dry_run);
    // The same for those only that were read since: recall pulls inward.
    Result<SweepReport> settle(std::size_t limit);
    // With a viewer: of what it may see.
    Result<ZoneStats> zones(const std::string& galaxy,
                            const std::optional<std::string>& viewer = std::nullopt);
    // Movements between zones: (from, to, count, last_ns).
    Result<std::vector<std::tuple<Zone, Zone, std::size_t, std::int64_t>>> movements();
    // Counts accesses: bookkeeping, no effect in the ledger's sense.
    void touch(std::span<const MemoryId> ids);
    // Checks segments and manifest against SQLite; with `repair` rebuilds what is missing, stale or
    // damaged. DataLoss when SQLite itself is damaged. Conflict inside a write().
    Status verify(bool repair, std::vector<std::string>& findings);

  private:
    struct Inner;
    explicit DataSea(std::unique_ptr<Inner> inner);
    std::unique_ptr<Inner> inner_;
};

}  // namespace resonant::memory
