// A VectorIndex finds the nearest vectors exactly: in the mapped Arrow segments, and in SQLite for
// what these do not hold yet or hold no longer rightly. So an answer never depends on how fresh the
// copy is.
//
// Threads: any search; one at a time folds or rebuilds (others wait).
//
// Invariants:
//   (1) An answer equals a full float32 scan of memory_embeddings (order: Scored). Columns of a segment only
//       narrow the scan: what they say of a memory that has changed since is not believed, and every
//       result is held against SQLite.
//   (2) A segment holds no private memory, and the memories of one galaxy. What moves to another is forgotten.
//   (3) Segments are replaced by a new generation; old files are unlinked after the manifest has
//       switched, and live on for whoever maps them.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/memory/data_sea.h"
#include "resonant/memory/rows.h"
#include "resonant/memory/segment_set.h"
#include "resonant/sql/database.h"

namespace resonant::memory {

class VectorIndex {
  public:
    struct Question {
        std::size_t k = 10;
        std::string owner;  // whose private memories count too; empty: nobody's
        // Which memories may be found, and the same as far as columns can tell; null: all.
        const Condition* condition = nullptr;
        RowFilter rows;
    };

    // `model`: whose vectors count. Maps what is whole and fresh; anything else is logged and
    // searched in SQLite until fold().
    VectorIndex(sql::Database& database, std::filesystem::path folder, std::string model,
                Clock& clock);
    VectorIndex(const VectorIndex&) = delete;
    VectorIndex& operator=(const VectorIndex&) = delete;

    // Maps the segments. Fails only when the folder can be neither read nor made.
    Status open();
    // InvalidArgument when a number of `query` is not finite.
    Result<std::vector<search::Scored>> nearest(const Vector& query, const Question& question);
    // The same for several queries: passes over the codes are shared, and the answers are of one state of SQLite.
    Result<std::vector<std::vector<search::Scored>>> nearest_each(std::span<const Vector> queries, const Question& question);
    // The memory's public vector where it is mapped, valid as long as `keeps` is; null where it is not, or no longer
    // rightly: then SQLite has it, or there is none. `galaxy`: the memory's; empty: any. Cost: some binary searches.
    const float* mapped(MemoryId id, std::string_view galaxy, std::shared_ptr<const SegmentSet>& keeps) const;
    // The memory's vector in a segment counts no longer. Call it inside the write() that changes
    // it.
    void forget(MemoryId id);
    // Takes new vectors into the segments of their galaxies, and writes those again that are due: what was erased
    // leaves its files at once; where much was forgotten, or the other columns are behind, those that it concerns; small
    // ones beside as many new rows. A new generation when that is more than half of all. Does nothing inside a
    // write(). The first one reads every segment whole, and rebuilds what is damaged.
    Status fold();
    // The same, but afterwards no file holds what was erased since open(), even where there was no copy to write to.
    Status purge();
    // A new generation from SQLite. `progress`: told now and then of the rows done, and of how many there are.
    using Progress = std::function<void(std::size_t, std::size_t)>;
    Status rebuild(const Progress& progress = {});
    // Compares files and SQLite, vector by vector; says what differs.
    Status compare(std::vector<std::string>& findings);
    // Row counts are the caller's.
    VectorStatus status() const;

  private:
    static constexpr const char* kSegmentSuffix = ".arrow";
    static constexpr const char* kBookSuffix = ".book";
    static constexpr std::size_t kTogether = 4;  // queries of one pass: a search holds up to 256 KiB

    struct Snapshot {
        std::shared_ptr<const SegmentSet> set = std::make_shared<SegmentSet>();
        std::vector<MemoryId> forgotten;  // sorted

        const Manifest& manifest() const { return set->manifest(); }
    };
    using Ids = std::vector<MemoryId>;
    using Marks = Manifest::Marks;
    struct Rows;

    std::shared_ptr<const Snapshot> snapshot() const;
    using Answers = std::vector<std::vector<search::Scored>>;
    // Of at most kTogether queries.
    Result<Answers> nearest_of(std::span<const Vector> queries, const Question& question, const Ids& unwanted);
    Result<Answers> nearest_together(std::span<const Vector> queries, const Question& question);
    Status scan_rest(const Snapshot& now, const Question& question, const Ids& apart, const Vector& query,
                     search::CodeSearch& search);
    // The ids that do not meet the question's condition.
    Result<Ids> failing(const Answers& found, const Question& question);
    // Memories whose columns have changed since the segments were written, sorted; nothing where they
    // are too many to be looked at one by one.
    Result<std::optional<Ids>> changed(const Manifest& manifest);
    // What is damaged counts no longer: everything is searched in SQLite until fold().
    void distrust(const Snapshot& damaged, const Error& why);
    // Vectors that may be in a segment, with a sequence up to `up_to`.
    Result<std::int64_t> public_rows(std::int64_t up_to);
    Result<bool> is_fresh(const Manifest& manifest);
    Result<std::int64_t> state(std::string_view question);
    Result<std::uint64_t> last_mark();
    // What a fold writes again, besides what small segments ask for.
    struct Due {
        bool all = false;
        std::vector<std::uint32_t> segments;  // their places, in order
        // Where set, everything that had changed by then is in those: the columns are behind no longer.
        std::optional<Marks> marks;
    };
    Result<Due> what_is_due(const Snapshot& now);
    Result<Marks> marks_now();
    // Of those ids, the memories that are erased or private.
    Result<Ids> not_public(const Ids& ids);
    Status fold_locked();
    Status rebuild_locked(const Progress& progress = {});
    Status append_locked(const Due& due);
    Status make_folder() const;
    Status verify_locked();
    // Marks the rows of segments whose memories were forgotten up to `mark`.
    Status mark_gone(const SegmentSet& set, std::uint64_t mark, Manifest& manifest);
    // Makes a code book for the vectors that there are, and its file.
    Status make_book(Manifest& manifest, std::shared_ptr<const search::CodeBook>& book);
    using Told = std::function<void(std::size_t)>;
    // Carries what `add` adds into further segments of `manifest`; `add` sees one state of SQLite.
    Status write_rows(Manifest& manifest, const search::CodeBook& book, const Told& told,
                      const std::function<Status(sql::Connection&, Rows&)>& add);
    // Writes every public vector, as segments of an empty manifest.
    Status write_all(Manifest& manifest, const search::CodeBook& book, const Told& told = {});
    // Writes the public vectors with a sequence after the manifest's, and the segments that are due or small, as
    // segments of their galaxies.
    Status write_due(const SegmentSet& set, const Due& due, Manifest& manifest, const search::CodeBook& book);
    Status switch_to(Manifest manifest, std::uint64_t forget_up_to);
    void sweep_files(const Manifest& keep) const;

    sql::Database& database_;
    const std::filesystem::path folder_;
    const std::string model_;
    Clock& clock_;
    const search::Dot dot_;
    SearchPool pool_;

    std::mutex folding_;
    bool verified_ = false;     // every byte of the segments was read; guarded by folding_
    mutable std::mutex mutex_;  // guards what follows
    std::shared_ptr<const Snapshot> current_;
    std::map<MemoryId, std::uint64_t> forgotten_;  // and the mark at which it was
    std::uint64_t marks_ = 0;
};

// A filter as far as the columns of a segment can tell.
RowFilter row_filter_of(const Filter& filter);

}  // namespace resonant::memory
