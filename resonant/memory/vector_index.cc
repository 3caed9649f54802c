#include "resonant/memory/vector_index.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
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

std::unexpected<Error> bad_vector(MemoryId id) {
    return fail(Code::DataLoss,
                "vector of " + wire_id(id) + ": it is not 384 floats; run vector.index");
}

Status copy_vector(std::span<const std::byte> blob, MemoryId id, Vector& vector) {
    if (blob.size() != sizeof(Vector)) {
        return bad_vector(id);
    }
    std::memcpy(vector.data(), blob.data(), blob.size());
    return {};
}

// Scans rows of (memory_id, vector).
Status scan_rows(Statement& rows, const Scan& how, TopK& best) {
    return rows.each([&](const Statement& row) -> Status {
        const auto id = static_cast<MemoryId>(row.integer(0));
        Vector vector;
        RESONANT_CHECK(copy_vector(row.blob(1), id, vector));
        scan(how, {&id, 1}, vector.data(), best);
        return {};
    });
}

}  // namespace

VectorIndex::VectorIndex(sql::Database& database, std::filesystem::path folder, std::string model,
                         Clock& clock)
    : database_(database),
      folder_(std::move(folder)),
      model_(std::move(model)),
      clock_(clock),
      dot_(dot_of(best_kernel())),
      current_(std::make_shared<Snapshot>()) {}

Status VectorIndex::open() {
    std::error_code failed;
    std::filesystem::create_directories(folder_, failed);
    if (failed || ::chmod(folder_.c_str(), 0700) != 0) {
        return fail_errno("open folder " + folder_.string(), failed ? failed.value() : errno);
    }
    const Result<std::optional<Manifest>> found = read_manifest(folder_);
    if (!found || !*found) {
        if (!found) {
            log().warn("{}", found.error().message);
        }
        return {};
    }
    Manifest manifest = **found;
    auto opened = std::make_shared<Snapshot>();
    RESONANT_ASSIGN(const bool fresh, is_fresh(manifest));
    for (const SegmentFacts& facts : manifest.segments) {
        const auto segment = fresh
                                 ? Segment::open(folder_, facts)
                                 : fail(Code::DataLoss, "Arrow copy in " + folder_.string() +
                                                            " is stale; it is rebuilt from SQLite");
        if (!segment) {
            log().warn("{}", segment.error().message);
            opened->segments.clear();
            // Its names stay taken, so that no file is ever written twice.
            Manifest none;
            none.generation = manifest.generation;
            none.files = manifest.files;
            manifest = std::move(none);
            break;
        }
        opened->segments.push_back(*segment);
    }
    opened->manifest = std::move(manifest);
    sweep_files(**found);
    RESONANT_ASSIGN(const std::int64_t facts_now, facts());
    const std::lock_guard lock(mutex_);
    columns_behind_ = opened->manifest.facts != facts_now;
    current_ = std::move(opened);
    return {};
}

// A copy is fresh when it is of this model and every vector it holds is still there: a sequence is
// used once, so equal numbers mean equal vectors.
Result<bool> VectorIndex::is_fresh(const Manifest& manifest) {
    std::int64_t rows = -1;
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto count, connection.prepare(
                                        "SELECT count(*) FROM memory_embeddings"
                                        " WHERE is_private = 0 AND model = ? AND sequence <= ?"));
        RESONANT_CHECK(count.bind(1, model_).bind(2, manifest.watermark).step());
        rows = count.integer(0);
        return {};
    });
    RESONANT_CHECK(done);
    return manifest.model == model_ && rows == static_cast<std::int64_t>(manifest.rows());
}

Result<std::int64_t> VectorIndex::facts() {
    std::int64_t found = 0;
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row,
                        connection.prepare("SELECT value FROM memory_state WHERE key = 'facts'"));
        RESONANT_CHECK(row.step());
        found = row.integer(0);
        return {};
    });
    RESONANT_CHECK(done);
    return found;
}

std::shared_ptr<const VectorIndex::Snapshot> VectorIndex::snapshot() const {
    const std::lock_guard lock(mutex_);
    return current_;
}

void VectorIndex::forget(MemoryId id) {
    const std::lock_guard lock(mutex_);
    forgotten_[id] = ++marks_;
    auto next = std::make_shared<Snapshot>(*current_);
    const auto place = std::lower_bound(next->forgotten.begin(), next->forgotten.end(), id);
    if (place == next->forgotten.end() || *place != id) {
        next->forgotten.insert(place, id);
    }
    current_ = std::move(next);
}

Result<std::vector<Scored>> VectorIndex::nearest(const Vector& query, const Question& question) {
    std::vector<Scored> found;
    const Status done = database_.read([&](Connection&) -> Status {
        // The first question fixes the state of SQLite. The segments are taken after it, so
        // whatever that state has changed is forgotten in them already, and what is newer than they
        // are is in SQLite.
        RESONANT_CHECK(facts());
        const auto now = snapshot();
        TopK best(question.k);
        Scan how{dot_, query.data(), question.only, nullptr};
        RESONANT_CHECK(scan_rest(*now, question, how, best));
        how.without = now->forgotten.empty() ? nullptr : &now->forgotten;
        for (const auto& segment : now->segments) {
            scan(how, segment->ids(), segment->vectors(), best);
        }
        found = best.take();
        return {};
    });
    RESONANT_CHECK(done);
    return found;
}

// What the segments do not hold: newer vectors, forgotten ones as they are now, the asker's private
// ones.
Status VectorIndex::scan_rest(const Snapshot& now, const Question& question, const Scan& how,
                              TopK& best) {
    return database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto newer,
                        connection.prepare("SELECT memory_id, vector FROM memory_embeddings"
                                           " WHERE is_private = 0 AND model = ? AND sequence > ?"));
        newer.bind(1, model_).bind(2, now.manifest.watermark);
        RESONANT_CHECK(scan_rows(newer, how, best));
        RESONANT_ASSIGN(auto one,
                        connection.prepare("SELECT memory_id, vector FROM memory_embeddings"
                                           " WHERE memory_id = ? AND is_private = 0 AND model = ?"
                                           " AND sequence <= ?"));
        for (const MemoryId id : now.forgotten) {
            one.reset().bind(1, sql_id(id)).bind(2, model_).bind(3, now.manifest.watermark);
            RESONANT_CHECK(scan_rows(one, how, best));
        }
        if (question.owner.empty()) {
            return {};
        }
        RESONANT_ASSIGN(auto own, connection.prepare(
                                      "SELECT e.memory_id, e.vector FROM memories m"
                                      " JOIN memory_embeddings e ON e.memory_id = m.id"
                                      " WHERE m.is_private = 1 AND m.owner = ? AND e.model = ?"));
        own.bind(1, question.owner).bind(2, model_);
        return scan_rows(own, how, best);
    });
}

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

Status VectorIndex::compare(std::vector<std::string>& findings) {
    const std::lock_guard folding(folding_);
    const auto now = snapshot();
    RESONANT_ASSIGN(const bool fresh, is_fresh(now->manifest));
    if (!fresh || !now->forgotten.empty()) {
        findings.push_back("Arrow copy: it is stale");
    }
    const auto on_disk = read_manifest(folder_);
    if (!on_disk || !*on_disk) {
        findings.push_back(on_disk ? "Arrow copy: it is missing" : on_disk.error().message);
    }
    for (const SegmentFacts& facts : now->manifest.segments) {
        const auto segment = Segment::open(folder_, facts);
        if (!segment) {
            findings.push_back(segment.error().message);
            continue;
        }
        const Status same = database_.read([&](Connection& connection) -> Status {
            RESONANT_ASSIGN(auto row, connection.prepare("SELECT vector FROM memory_embeddings"
                                                         " WHERE memory_id = ? AND model = ?"));
            const auto ids = (*segment)->ids();
            for (std::size_t i = 0; i < ids.size(); ++i) {
                row.reset().bind(1, sql_id(ids[i])).bind(2, model_);
                RESONANT_ASSIGN(const bool is_there, row.step());
                Vector vector;
                if (is_there) {
                    RESONANT_CHECK(copy_vector(row.blob(0), ids[i], vector));
                }
                if (!is_there || std::memcmp(vector.data(), (*segment)->vectors() + i * kDimensions,
                                             sizeof vector) != 0) {
                    findings.push_back("Arrow copy: " + wire_id(ids[i]) + " differs from SQLite");
                }
            }
            return {};
        });
        RESONANT_CHECK(same);
    }
    return {};
}

VectorStatus VectorIndex::status() const {
    const auto now = snapshot();
    VectorStatus status;
    status.model = model_;
    status.kernel = name_of(best_kernel());
    status.segments = now->segments.size();
    for (const SegmentFacts& facts : now->manifest.segments) {
        status.bytes += facts.bytes;
    }
    status.built_ns = now->manifest.built_ns;
    status.from_sqlite = now->segments.empty();
    return status;
}

}  // namespace resonant::memory
