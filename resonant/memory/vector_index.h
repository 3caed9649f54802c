// A VectorIndex finds the nearest vectors exactly: in the mapped Arrow segments, and in SQLite for
// what these do not hold yet or hold no longer rightly. So an answer never depends on how fresh the
// copy is.
//
// Threads: any search; one at a time folds or rebuilds (others wait).
//
// Invariants:
//   (1) An answer equals a full float32 scan of memory_embeddings (order: Scored).
//   (2) A segment holds no private memory.
//   (3) Segments are replaced by a new generation; old files are unlinked after the manifest has
//       switched, and live on for whoever maps them.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/memory/data_sea.h"
#include "resonant/memory/kernels.h"
#include "resonant/memory/manifest.h"
#include "resonant/memory/segment.h"
#include "resonant/sql/database.h"

namespace resonant::memory {

class VectorIndex {
  public:
    struct Question {
        std::size_t k = 10;
        std::string owner;  // whose private memories count too; empty: nobody's
        const std::vector<MemoryId>* only = nullptr;  // sorted; null: all
    };

    // `model`: whose vectors count. Maps what is whole and fresh; anything else is logged and
    // searched in SQLite until fold().
    VectorIndex(sql::Database& database, std::filesystem::path folder, std::string model,
                Clock& clock);
    VectorIndex(const VectorIndex&) = delete;
    VectorIndex& operator=(const VectorIndex&) = delete;

    // Maps the segments. Fails only when the folder can be neither read nor made.
    Status open();
    Result<std::vector<Scored>> nearest(const Vector& query, const Question& question);
    // The memory's vector in a segment counts no longer. Call it inside the write() that changes
    // it.
    void forget(MemoryId id);
    // Takes new vectors into the segments; a new generation when there are many small ones, when
    // some were forgotten, or when the other columns are behind. Does nothing inside a write().
    Status fold();
    // A new generation from SQLite.
    Status rebuild();
    // Compares files and SQLite, vector by vector; says what differs.
    Status compare(std::vector<std::string>& findings);
    // Row counts are the caller's.
    VectorStatus status() const;

  private:
    struct Snapshot {
        Manifest manifest;
        std::vector<std::shared_ptr<const Segment>> segments;
        std::vector<MemoryId> forgotten;  // sorted
    };
    struct Rows;

    std::shared_ptr<const Snapshot> snapshot() const;
    Status scan_rest(const Snapshot& now, const Question& question, const Scan& how, TopK& best);
    // Vectors that may be in a segment, with a sequence up to `up_to`.
    Result<std::int64_t> public_rows(std::int64_t up_to);
    Result<bool> is_fresh(const Manifest& manifest);
    Result<std::int64_t> facts();
    Result<std::uint64_t> last_mark();
    Status rebuild_locked();
    Status append_locked();
    // Writes the public vectors with a sequence after `after` as further segments of `manifest`.
    Status write_rows(std::int64_t after, Manifest& manifest);
    Status switch_to(Manifest manifest, std::uint64_t forget_up_to);
    void sweep_files(const Manifest& keep) const;

    sql::Database& database_;
    const std::filesystem::path folder_;
    const std::string model_;
    Clock& clock_;
    const Dot dot_;

    std::mutex folding_;
    mutable std::mutex mutex_;  // guards what follows
    std::shared_ptr<const Snapshot> current_;
    std::map<MemoryId, std::uint64_t> forgotten_;  // and the mark at which it was
    std::uint64_t marks_ = 0;
    bool columns_behind_ = false;  // since before this process
};

}  // namespace resonant::memory
