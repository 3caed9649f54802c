// The part of a VectorIndex that writes: new segments, new generations, old files.
#include "resonant/memory/vector_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <set>

#include "resonant/base/log.h"
#include "resonant/memory/durable_file.h"

namespace resonant::memory {
namespace {

using sql::Connection;
using sql::Statement;

constexpr std::size_t kSmallSegmentsMax = 16;
constexpr std::size_t kBehindMin = 16;    // memories that changed before all is written again,
constexpr std::size_t kBehindShare = 64;  // or the share of all that they are
constexpr std::size_t kBookGrowth = 4;    // a book made for few rows is made again for this many times as many
constexpr std::size_t kBookDrift = 2;     // a book of so many times fewer or more rows is made again with them
constexpr std::size_t kNamesKept = 256;   // names whose signatures a rebuild remembers
constexpr std::string_view kSegmentSuffix = ".arrow";
constexpr std::string_view kBookSuffix = ".book";

}  // namespace

// The newest mark of a change that is committed or rolled back: nobody writes while it is taken.
Result<std::uint64_t> VectorIndex::last_mark() {
    std::uint64_t mark = 0;
    const Status done = database_.keep_books([&](Connection&) -> Status {
        const std::lock_guard lock(mutex_);
        mark = marks_;
        return {};
    });
    RESONANT_CHECK(done);
    return mark;
}

Result<bool> VectorIndex::wants_rebuild(const Snapshot& now) {
    const Manifest& manifest = now.manifest();
    const std::size_t rows = manifest.rows();
    if (rows == 0) {
        return false;  // appending does as well
    }
    const std::size_t behind_max = std::max(kBehindMin, rows / kBehindShare);
    RESONANT_ASSIGN(const auto moved, changed(manifest));
    const bool outgrown = manifest.book_rows < search::kTrainingRowsMin && rows >= search::kTrainingRowsMin &&
                          rows >= kBookGrowth * manifest.book_rows;
    for (const MemoryId id : now.forgotten) {  // what was erased or became private leaves the files at once
        RESONANT_ASSIGN(const std::int64_t is_public, state("SELECT count(*) FROM memories WHERE is_private = 0 AND id = " +
                                                            std::to_string(sql_id(id))));
        if (is_public == 0) {
            return true;
        }
    }
    return now.forgotten.size() + manifest.gone() > behind_max || !moved || moved->size() > behind_max ||
           outgrown || now.set->book() == nullptr;
}

Status VectorIndex::fold() {
    if (database_.writing()) {
        return {};  // what is not committed must not get into a file
    }
    const std::lock_guard folding(folding_);
    RESONANT_CHECK(verify_locked());
    RESONANT_ASSIGN(const bool rebuilds, wants_rebuild(*snapshot()));
    return rebuilds ? rebuild_locked() : append_locked();
}

// Searches check what they read; here every byte is read once, so that damage does not wait for its reader.
Status VectorIndex::verify_locked() {
    if (verified_) {
        return {};
    }
    const auto now = snapshot();
    for (const auto& segment : now->set->segments()) {
        if (const Status whole = segment->verify(); !whole) {
            distrust(*now, whole.error());
            break;
        }
    }
    verified_ = true;
    return {};
}

Status VectorIndex::rebuild(const Progress& progress) {
    if (database_.writing()) {
        return fail(Code::Conflict,
                    "rebuild vectors: called inside write(); call it after the commit");
    }
    const std::lock_guard folding(folding_);
    return rebuild_locked(progress);
}

Status VectorIndex::rebuild_locked(const Progress& progress) {
    const auto now = snapshot();
    RESONANT_ASSIGN(const std::uint64_t mark, last_mark());
    Manifest next;
    next.generation = now->manifest().generation + 1;
    next.files = now->manifest().files;
    auto book = now->set->book();
    RESONANT_ASSIGN(const std::int64_t rows, state("SELECT count(*) FROM memory_embeddings WHERE is_private = 0"));
    const std::size_t before = now->manifest().book_rows;
    const auto after = static_cast<std::size_t>(rows);
    if (book != nullptr && now->manifest().model == model_ && before >= search::kTrainingRowsMin &&
        after < kBookDrift * before && before < kBookDrift * after) {
        next.book = fmt::format("sea-{}-{}{}", next.generation, ++next.files, kBookSuffix);
        next.book_rows = before;
        RESONANT_CHECK(write_book(folder_, next.book, *book));
    } else {
        RESONANT_CHECK(make_book(next, book));
    }
    RESONANT_CHECK(write_rows(0, next, *book, [&](std::size_t done) {
        if (progress) {
            progress(std::min(done, after), after);
        }
    }));
    return switch_to(std::move(next), mark);
}

Status VectorIndex::append_locked() {
    const auto now = snapshot();
    Manifest next = now->manifest();
    RESONANT_ASSIGN(const std::int64_t last,
                    state("SELECT coalesce(max(sequence), 0) FROM memory_embeddings WHERE is_private = 0"));
    if (last <= next.watermark && now->forgotten.empty()) {
        return {};
    }
    RESONANT_ASSIGN(const std::uint64_t mark, last_mark());
    RESONANT_CHECK(mark_gone(*now->set, mark, next));
    auto book = now->set->book();
    if (next.segments.empty()) {
        RESONANT_CHECK(make_book(next, book));
    }
    const auto is_small = [](const SegmentFacts& each) { return each.rows < kSegmentRowsMax; };
    const Manifest before = next;
    if (std::ranges::count_if(next.segments, is_small) >= static_cast<std::ptrdiff_t>(kSmallSegmentsMax)) {
        // Those at the end are written again as one: rows come in the order of their sequence.
        while (!next.segments.empty() && is_small(next.segments.back())) {
            next.segments.pop_back();
        }
        next.watermark = next.segments.empty() ? 0 : next.segments.back().watermark;
    }
    RESONANT_CHECK(write_rows(next.watermark, next, *book));
    if (next.segments.empty() && before.segments.empty()) {
        return {};
    }
    if (!before.segments.empty()) {  // the older segments are as far behind as they were
        next.facts = before.facts;
        next.versions = before.versions;
        next.moves = before.moves;
    }
    return switch_to(std::move(next), mark);
}

Status VectorIndex::mark_gone(const SegmentSet& set, std::uint64_t mark, Manifest& manifest) {
    std::vector<MemoryId> forgotten;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [id, at] : forgotten_) {
            if (at <= mark) {
                forgotten.push_back(id);
            }
        }
    }
    const Status done = database_.read([&](Connection& connection) -> Status {
        // What was rolled back is still there under its old sequence: its row counts as before.
        RESONANT_ASSIGN(auto row, connection.prepare("SELECT 1 FROM memory_embeddings WHERE memory_id = ?"
                                                     " AND is_private = 0 AND model = ? AND sequence <= ?"));
        std::vector<MemoryId> gone;
        for (const MemoryId id : forgotten) {
            row.reset().bind(1, sql_id(id)).bind(2, model_).bind(3, manifest.watermark);
            RESONANT_ASSIGN(const bool is_there, row.step());
            if (!is_there) {
                gone.push_back(id);
            }
        }
        forgotten = std::move(gone);
        return {};
    });
    RESONANT_CHECK(done);
    for (std::size_t i = 0; i < set.segments().size() && !forgotten.empty(); ++i) {
        std::set<MemoryId> gone(manifest.segments[i].gone.begin(), manifest.segments[i].gone.end());
        for (const MemoryId id : set.segments()[i]->ids()) {
            if (std::ranges::binary_search(forgotten, id)) {
                gone.insert(id);
            }
        }
        manifest.segments[i].gone.assign(gone.begin(), gone.end());
    }
    return {};
}

Status VectorIndex::make_book(Manifest& manifest, std::shared_ptr<const search::CodeBook>& book) {
    std::vector<float> sample;
    std::size_t rows = 0;
    const Status read = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto range, connection.prepare("SELECT count(*), min(sequence), max(sequence) FROM"
                                                       " memory_embeddings WHERE is_private = 0 AND model = ?"));
        RESONANT_CHECK(range.bind(1, model_).step());
        rows = static_cast<std::size_t>(range.integer(0));
        const std::int64_t first = range.integer(1);
        const std::int64_t last = range.integer(2);
        RESONANT_ASSIGN(auto row, connection.prepare("SELECT vector FROM memory_embeddings WHERE is_private = 0"
                                                     " AND model = ? AND sequence >= ? ORDER BY sequence LIMIT 1"));
        const auto wanted = static_cast<std::int64_t>(std::min(rows, search::kSampleRowsMax));
        for (std::int64_t i = 0; i < wanted; ++i) {
            row.reset().bind(1, model_).bind(2, first + (last - first) * i / wanted);
            RESONANT_CHECK(row.step());
            Vector vector;
            RESONANT_CHECK(copy_vector(row.blob(0), 0, vector));
            sample.insert(sample.end(), vector.begin(), vector.end());
        }
        return {};
    });
    RESONANT_CHECK(read);
    if (sample.empty()) {
        sample.resize(kDimensions);
    }
    book = std::make_shared<search::CodeBook>(search::CodeBook::choose(sample, rows));
    manifest.book = fmt::format("sea-{}-{}{}", manifest.generation, ++manifest.files, kBookSuffix);
    manifest.book_rows = rows;
    return write_book(folder_, manifest.book, *book);
}

// Rows on their way from SQLite into segments of a bounded size. While one is written, the next is read, and the one
// before it reaches the disk.
struct VectorIndex::Rows {
    const std::filesystem::path& folder;
    const std::string& model;
    Manifest& manifest;
    const search::CodeBook& book;
    std::vector<SegmentRow> waiting = {};
    std::vector<SegmentRow> leaving = {};  // what `writing` writes
    std::future<Result<UnsyncedSegment>> writing = {};
    std::future<Result<SegmentFacts>> syncing = {};
    std::map<std::string, std::uint64_t, std::less<>> names = {};  // and their signatures

    // As signature_of(); most rows have the names of those before them.
    std::uint64_t signature(std::string_view kind, const std::string& name) {
        std::string key = std::string(kind) + '\n' + name;
        if (const auto known = names.find(key); known != names.end()) {
            return known->second;
        }
        const std::uint64_t made = signature_of(kind, name);
        if (names.size() < kNamesKept) {
            names.emplace(std::move(key), made);
        }
        return made;
    }

    Status add(const Statement& row) {
        waiting.reserve(kSegmentRowsMax);  // grown bit by bit, all would be moved several times
        SegmentRow& next = waiting.emplace_back();
        next.id = static_cast<MemoryId>(row.integer(1));
        RESONANT_CHECK(copy_vector(row.blob(2), next.id, next.vector));
        next.title = row.text(3);
        next.distance = row.real(4);
        next.importance = row.real(5);
        next.constellation = static_cast<std::uint16_t>(row.integer(6));
        next.accessed_ns = static_cast<std::uint64_t>(row.integer(7));
        next.is_protected = row.integer(8) != 0;
        next.predecessor_family = static_cast<std::uint8_t>(row.integer(9));
        next.phase = static_cast<std::uint8_t>(row.integer(10));
        next.posture = static_cast<std::uint8_t>(row.integer(11));
        next.created_ns = row.integer(12);
        next.is_archived = row.integer(13) != 0;
        next.signature = signature("galaxy", row.text(14)) | signature("type", row.text(15));
        const std::string tags = row.text(16);
        for (std::size_t start = 0; start < tags.size();) {
            const std::size_t stop = std::min(tags.find('\n', start), tags.size());
            next.signature |= signature("tag", tags.substr(start, stop - start));
            start = stop + 1;
        }
        manifest.watermark = std::max(manifest.watermark, row.integer(0));
        return waiting.size() == kSegmentRowsMax ? flush() : Status();
    }

    // Begins to write what waits.
    Status flush() {
        RESONANT_CHECK(finish());
        if (waiting.empty()) {
            return {};
        }
        std::swap(leaving, waiting);
        waiting.clear();
        writing = std::async(std::launch::async,
                             [this, name = fmt::format("sea-{}-{}{}", manifest.generation, ++manifest.files, kSegmentSuffix),
                              watermark = manifest.watermark]() -> Result<UnsyncedSegment> {
                                 RESONANT_ASSIGN(auto made, prepare_segment(folder, name, leaving, model, &book));
                                 made.facts.watermark = watermark;
                                 return made;
                             });
        return {};
    }

    // Waits for what is being written, and has it synced.
    Status finish() {
        if (writing.valid()) {
            RESONANT_ASSIGN(UnsyncedSegment made, writing.get());
            RESONANT_CHECK(synced());
            syncing = std::async(std::launch::async, [made = std::move(made)]() mutable -> Result<SegmentFacts> {
                RESONANT_CHECK(made.file->commit());
                return std::move(made.facts);
            });
        }
        return {};
    }

    // Waits for what is being synced.
    Status synced() {
        if (syncing.valid()) {
            RESONANT_ASSIGN(SegmentFacts facts, syncing.get());
            manifest.segments.push_back(std::move(facts));
        }
        return {};
    }
};

Status VectorIndex::write_rows(std::int64_t after, Manifest& manifest, const search::CodeBook& book,
                               const std::function<void(std::size_t)>& told) {
    constexpr std::size_t kTellEvery = 4'096;  // rows
    manifest.model = model_;
    manifest.built_ns = clock_.wall().count;
    Rows rows{folder_, model_, manifest, book};
    RESONANT_CHECK(database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(manifest.facts, state("SELECT value FROM memory_state WHERE key = 'facts'"));
        RESONANT_ASSIGN(manifest.versions, state("SELECT coalesce(max(id), 0) FROM memory_versions"));
        RESONANT_ASSIGN(manifest.moves, state("SELECT coalesce(max(id), 0) FROM memory_moves"));
        RESONANT_ASSIGN(
            auto statement,
            connection.prepare(
                "SELECT e.sequence, e.memory_id, e.vector, m.title, m.distance, m.importance,"
                " m.constellation, max(m.updated_ns, coalesce(a.last_ns, 0)), m.is_protected,"
                " m.predecessor_family, m.phase, m.posture, m.created_ns, m.is_archived, m.galaxy, m.type,"
                " (SELECT group_concat(tag, char(10)) FROM memory_tags WHERE memory_id = m.id)"
                // As they lie in the file, not by way of the index of public ones.
                " FROM memory_embeddings e NOT INDEXED JOIN memories m ON m.id = e.memory_id"
                " LEFT JOIN memory_access a ON a.memory_id = m.id"
                " WHERE e.is_private = 0 AND e.model = ? AND e.sequence > ? ORDER BY e.sequence"));
        statement.bind(1, model_).bind(2, after);
        std::size_t done = 0;
        RESONANT_CHECK(statement.each([&](const Statement& row) {
            if (told && ++done % kTellEvery == 0) {
                told(done);
            }
            return rows.add(row);
        }));
        if (told) {
            told(done);
        }
        return rows.flush();
    }));
    RESONANT_CHECK(rows.finish());
    return rows.synced();
}

Status VectorIndex::switch_to(Manifest manifest, std::uint64_t forget_up_to) {
    auto next = std::make_shared<Snapshot>();
    const auto old = snapshot();
    RESONANT_ASSIGN(next->set, SegmentSet::open(folder_, manifest, old->set.get()));
    RESONANT_CHECK(write_manifest(folder_, manifest));
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(forgotten_, [&](const auto& each) { return each.second <= forget_up_to; });
        for (const auto& [id, mark] : forgotten_) {
            next->forgotten.push_back(id);
        }
        current_ = next;
    }
    sweep_files(manifest);
    return {};
}

// Unlinks segments that no manifest names any more, and what a crash left half-written.
void VectorIndex::sweep_files(const Manifest& keep) const {
    std::set<std::string> names{keep.book};
    for (const SegmentFacts& facts : keep.segments) {
        names.insert(facts.file);
    }
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, failed)) {
        const std::string name = entry.path().filename().string();
        const bool is_ours =
            name.starts_with("sea-") && (name.ends_with(kSegmentSuffix) || name.ends_with(kBookSuffix));
        if ((is_ours && !names.contains(name)) || name.ends_with(kUnfinishedSuffix)) {
            std::error_code not_removed;
            std::filesystem::remove(entry.path(), not_removed);
            if (not_removed) {
                log().warn("remove {}: {}", entry.path().string(), not_removed.message());
            }
        }
    }
    if (failed) {
        log().warn("list {}: {}", folder_.string(), failed.message());
    }
}

}  // namespace resonant::memory
