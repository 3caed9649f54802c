#include "resonant/memory/vector_index.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "resonant/base/log.h"
#include "resonant/memory/rows.h"

namespace resonant::memory {
namespace {

using sql::Connection;
using sql::Statement;

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

Result<std::int64_t> VectorIndex::public_rows(std::int64_t up_to) {
    std::int64_t rows = 0;
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto count, connection.prepare(
                                        "SELECT count(*) FROM memory_embeddings"
                                        " WHERE is_private = 0 AND model = ? AND sequence <= ?"));
        RESONANT_CHECK(count.bind(1, model_).bind(2, up_to).step());
        rows = count.integer(0);
        return {};
    });
    RESONANT_CHECK(done);
    return rows;
}

// A copy is fresh when it is of this model and every vector it holds is still there: a sequence is
// used once, so equal numbers mean equal vectors.
Result<bool> VectorIndex::is_fresh(const Manifest& manifest) {
    RESONANT_ASSIGN(const std::int64_t rows, public_rows(manifest.watermark));
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

Status VectorIndex::compare(std::vector<std::string>& findings) {
    const std::lock_guard folding(folding_);
    const auto now = snapshot();
    RESONANT_ASSIGN(const std::int64_t all, public_rows(std::numeric_limits<std::int64_t>::max()));
    if (all == 0 && now->segments.empty()) {
        return {};  // there is nothing to copy
    }
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
