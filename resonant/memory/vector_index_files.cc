// The part of a VectorIndex that writes: new segments, new generations, old files.
#include "resonant/memory/vector_index.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

#include "resonant/base/log.h"
#include "resonant/memory/durable_file.h"

namespace resonant::memory {
namespace {

using sql::Connection;
using sql::Statement;

constexpr std::size_t kBehindMin = 16;    // memories that changed before all is written again,
constexpr std::size_t kBehindShare = 64;  // or the share of all that they are
constexpr std::size_t kBookGrowth = 4;    // a book made for few rows is made again for this many times as many
constexpr std::size_t kBookDrift = 2;     // a book of so many times fewer or more rows is made again with them

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

Result<VectorIndex::Ids> VectorIndex::not_public(const Ids& ids) {
    Ids found;
    RESONANT_CHECK(database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row, connection.prepare("SELECT 1 FROM memories WHERE is_private = 0 AND id = ?"));
        for (const MemoryId id : ids) {
            RESONANT_ASSIGN(const bool is_public, row.reset().bind(1, sql_id(id)).step());
            if (!is_public) {
                found.push_back(id);
            }
        }
        return {};
    }));
    return found;
}

Result<VectorIndex::Marks> VectorIndex::marks_now() {
    Marks marks;
    RESONANT_CHECK(database_.read([&](Connection&) -> Status {
        RESONANT_ASSIGN(marks.facts, state("SELECT value FROM memory_state WHERE key = 'facts'"));
        RESONANT_ASSIGN(marks.versions, state("SELECT coalesce(max(id), 0) FROM memory_versions"));
        RESONANT_ASSIGN(marks.moves, state("SELECT coalesce(max(id), 0) FROM memory_moves"));
        return {};
    }));
    return marks;
}

Result<VectorIndex::Due> VectorIndex::what_is_due(const Snapshot& now) {
    Due due;
    const Manifest& manifest = now.manifest();
    const std::size_t rows = manifest.rows();
    if (manifest.segments.empty()) {
        return due;
    }
    Marks marks;
    std::optional<Ids> moved;
    RESONANT_CHECK(database_.read([&](Connection&) -> Status {
        RESONANT_ASSIGN(marks, marks_now());
        RESONANT_ASSIGN(moved, changed(manifest));
        return {};
    }));
    const bool outgrown = manifest.book_rows < search::kTrainingRowsMin && rows >= search::kTrainingRowsMin &&
                          rows >= kBookGrowth * manifest.book_rows;
    if (!moved || outgrown || now.set->book() == nullptr || manifest.is_mixed()) {
        due.all = true;
        return due;
    }
    const std::size_t behind_max = std::max(kBehindMin, rows / kBehindShare);
    RESONANT_ASSIGN(Ids wanted, not_public(now.forgotten));
    const bool is_holey = now.forgotten.size() + manifest.gone() > behind_max;
    if (is_holey) {
        wanted = now.forgotten;
    }
    if (moved->size() > behind_max) {
        wanted.insert(wanted.end(), moved->begin(), moved->end());
        due.marks = marks;
    }
    std::ranges::sort(wanted);
    std::size_t rows_due = 0;
    for (std::uint32_t place = 0; place < manifest.segments.size() && (is_holey || !wanted.empty()); ++place) {
        const bool has_wanted = std::ranges::any_of(now.set->segments()[place]->ids(), [&](MemoryId id) {
            return std::ranges::binary_search(wanted, id);
        });
        if (has_wanted || (is_holey && !manifest.segments[place].gone.empty())) {
            due.segments.push_back(place);
            rows_due += manifest.segments[place].rows;
        }
    }
    due.all = rows_due > rows / 2;
    return due;
}

Status VectorIndex::fold() {
    if (database_.writing()) {
        return {};  // what is not committed must not get into a file
    }
    const std::lock_guard folding(folding_);
    return fold_locked();
}

Status VectorIndex::fold_locked() {
    RESONANT_CHECK(verify_locked());
    RESONANT_ASSIGN(const Due due, what_is_due(*snapshot()));
    return due.all ? rebuild_locked() : append_locked(due);
}

Status VectorIndex::purge() {
    if (database_.writing()) {
        return fail(Code::Conflict, "purge vectors: called inside write(); call it after the commit");
    }
    const std::lock_guard folding(folding_);
    RESONANT_CHECK(verify_locked());
    // Where no segment is trusted, older files may lie there all the same.
    return snapshot()->set->segments().empty() ? rebuild_locked() : fold_locked();
}

// Searches check what they read; here every byte is read once, so that damage does not wait for its reader.
Status VectorIndex::verify_locked() {
    const auto now = snapshot();
    RESONANT_CHECK(make_folder());  // somebody may have removed it
    if (const Status whole = now->set->check_files(); !whole) {
        distrust(*now, whole.error());
        return {};
    }
    if (verified_) {
        return {};
    }
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
    RESONANT_CHECK(make_folder());
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
    RESONANT_CHECK(write_all(next, *book, [&](std::size_t done) {
        if (progress) {
            progress(std::min(done, after), after);
        }
    }));
    return switch_to(std::move(next), mark);
}

Status VectorIndex::append_locked(const Due& due) {
    const auto now = snapshot();
    Manifest next = now->manifest();
    RESONANT_ASSIGN(const std::int64_t last,
                    state("SELECT coalesce(max(sequence), 0) FROM memory_embeddings WHERE is_private = 0"));
    if (last <= next.watermark && now->forgotten.empty() && due.segments.empty()) {
        return {};
    }
    RESONANT_ASSIGN(const std::uint64_t mark, last_mark());
    RESONANT_CHECK(mark_gone(*now->set, mark, next));
    auto book = now->set->book();
    if (next.segments.empty()) {
        RESONANT_CHECK(make_book(next, book));
        RESONANT_CHECK(write_all(next, *book));
        return next.segments.empty() ? Status() : switch_to(std::move(next), mark);
    }
    RESONANT_CHECK(write_due(*now->set, due, next, *book));
    next.marks = due.marks.value_or(next.marks);  // else the older segments are as far behind as they were
    return switch_to(std::move(next), mark);
}

Status VectorIndex::mark_gone(const SegmentSet& set, std::uint64_t mark, Manifest& manifest) {
    std::map<MemoryId, std::int64_t> forgotten;  // and the sequence of the vector it has now
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [id, at] : forgotten_) {
            if (at <= mark) {
                forgotten[id] = INT64_MAX;
            }
        }
    }
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row, connection.prepare("SELECT sequence FROM memory_embeddings WHERE memory_id = ?"
                                                     " AND is_private = 0 AND model = ?"));
        for (auto& [id, sequence] : forgotten) {
            RESONANT_ASSIGN(const bool is_there, row.reset().bind(1, sql_id(id)).bind(2, model_).step());
            if (is_there) {
                sequence = row.integer(0);
            }
        }
        return {};
    });
    RESONANT_CHECK(done);
    for (std::size_t i = 0; i < set.segments().size() && !forgotten.empty(); ++i) {
        std::set<MemoryId> gone(manifest.segments[i].gone.begin(), manifest.segments[i].gone.end());
        for (const MemoryId id : set.segments()[i]->ids()) {
            // What was rolled back is still there under its old sequence: its row counts as before.
            const auto found = forgotten.find(id);
            if (found != forgotten.end() && found->second > manifest.segments[i].watermark) {
                gone.insert(id);
            }
        }
        manifest.segments[i].gone.assign(gone.begin(), gone.end());
    }
    return {};
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
