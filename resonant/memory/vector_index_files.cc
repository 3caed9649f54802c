// The part of a VectorIndex that writes: new segments, new generations, old files.
#include "resonant/memory/vector_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "resonant/base/log.h"
#include "resonant/memory/durable_file.h"
#include "resonant/memory/rows.h"

namespace resonant::memory {
namespace {

using sql::Connection;
using sql::Statement;

constexpr std::size_t kSmallSegmentsMax = 16;
constexpr std::int64_t kFactsBehindMax =
    16;  // changes of other columns before they are written again
constexpr std::string_view kSegmentSuffix = ".arrow";

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

Status VectorIndex::fold() {
    if (database_.writing()) {
        return {};  // what is not committed must not get into a file
    }
    const std::lock_guard folding(folding_);
    const auto now = snapshot();
    RESONANT_ASSIGN(const std::int64_t facts_now, facts());
    const auto small =
        std::count_if(now->manifest.segments.begin(), now->manifest.segments.end(),
                      [](const SegmentFacts& each) { return each.rows < kSegmentRowsMax; });
    const bool behind = !now->segments.empty() &&
                        (columns_behind_ || facts_now - now->manifest.facts > kFactsBehindMax);
    const bool crowded = static_cast<std::size_t>(small) >= kSmallSegmentsMax;
    return !now->forgotten.empty() || behind || crowded ? rebuild_locked() : append_locked();
}

Status VectorIndex::rebuild() {
    if (database_.writing()) {
        return fail(Code::Conflict,
                    "rebuild vectors: called inside write(); call it after the commit");
    }
    const std::lock_guard folding(folding_);
    return rebuild_locked();
}

Status VectorIndex::rebuild_locked() {
    const auto now = snapshot();
    RESONANT_ASSIGN(const std::uint64_t mark, last_mark());
    Manifest next;
    next.generation = now->manifest.generation + 1;
    next.files = now->manifest.files;
    RESONANT_CHECK(write_rows(0, next));
    return switch_to(std::move(next), mark);
}

Status VectorIndex::append_locked() {
    Manifest next = snapshot()->manifest;
    const std::size_t before = next.segments.size();
    const std::int64_t facts_before = next.facts;
    RESONANT_CHECK(write_rows(next.watermark, next));
    if (next.segments.size() == before) {
        return {};
    }
    if (before > 0) {
        next.facts = facts_before;  // the older segments are as far behind as they were
    }
    return switch_to(std::move(next), 0);
}

// Rows on their way from SQLite into segments of a bounded size.
struct VectorIndex::Rows {
    const std::filesystem::path& folder;
    const std::string& model;
    Manifest& manifest;
    std::vector<SegmentRow> waiting;

    Status add(const Statement& row) {
        SegmentRow next;
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
        manifest.watermark = std::max(manifest.watermark, row.integer(0));
        waiting.push_back(std::move(next));
        return waiting.size() == kSegmentRowsMax ? flush() : Status();
    }

    Status flush() {
        if (waiting.empty()) {
            return {};
        }
        const std::string name =
            fmt::format("sea-{}-{}{}", manifest.generation, ++manifest.files, kSegmentSuffix);
        RESONANT_ASSIGN(const SegmentFacts facts, write_segment(folder, name, waiting, model));
        manifest.segments.push_back(facts);
        waiting.clear();
        return {};
    }
};

Status VectorIndex::write_rows(std::int64_t after, Manifest& manifest) {
    manifest.model = model_;
    manifest.built_ns = clock_.wall().count;
    Rows rows{folder_, model_, manifest, {}};
    return database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(manifest.facts, facts());
        RESONANT_ASSIGN(
            auto statement,
            connection.prepare(
                "SELECT e.sequence, e.memory_id, e.vector, m.title, m.distance, m.importance,"
                " m.constellation, max(m.updated_ns, coalesce(a.last_ns, 0)), m.is_protected,"
                " m.predecessor_family, m.phase, m.posture"
                " FROM memory_embeddings e JOIN memories m ON m.id = e.memory_id"
                " LEFT JOIN memory_access a ON a.memory_id = m.id"
                " WHERE e.is_private = 0 AND e.model = ? AND e.sequence > ? ORDER BY e.sequence"));
        statement.bind(1, model_).bind(2, after);
        RESONANT_CHECK(statement.each([&](const Statement& row) { return rows.add(row); }));
        return rows.flush();
    });
}

Status VectorIndex::switch_to(Manifest manifest, std::uint64_t forget_up_to) {
    auto next = std::make_shared<Snapshot>();
    const auto old = snapshot();
    for (const SegmentFacts& facts : manifest.segments) {
        const auto kept =
            std::find_if(old->segments.begin(), old->segments.end(),
                         [&](const auto& segment) { return segment->facts().file == facts.file; });
        if (kept != old->segments.end()) {
            next->segments.push_back(*kept);
            continue;
        }
        RESONANT_ASSIGN(auto segment, Segment::open(folder_, facts));
        next->segments.push_back(std::move(segment));
    }
    RESONANT_CHECK(write_manifest(folder_, manifest));
    next->manifest = std::move(manifest);
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(forgotten_, [&](const auto& each) { return each.second <= forget_up_to; });
        for (const auto& [id, mark] : forgotten_) {
            next->forgotten.push_back(id);
        }
        columns_behind_ = false;
        current_ = next;
    }
    sweep_files(next->manifest);
    return {};
}

// Unlinks segments that no manifest names any more, and what a crash left half-written.
void VectorIndex::sweep_files(const Manifest& keep) const {
    std::set<std::string> names;
    for (const SegmentFacts& facts : keep.segments) {
        names.insert(facts.file);
    }
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, failed)) {
        const std::string name = entry.path().filename().string();
        const bool is_segment = name.starts_with("sea-") && name.ends_with(kSegmentSuffix);
        if ((is_segment && !names.contains(name)) || name.ends_with(kUnfinishedSuffix)) {
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
