#include "resonant/memory/vector_index.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "resonant/base/log.h"

namespace resonant::memory {
namespace {

using sql::Connection;
using sql::Statement;


}  // namespace

VectorIndex::VectorIndex(sql::Database& database, std::filesystem::path folder, std::string model,
                         Clock& clock)
    : database_(database),
      folder_(std::move(folder)),
      model_(std::move(model)),
      clock_(clock),
      dot_(search::dot_of(search::best_kernel())),
      current_(std::make_shared<Snapshot>()) {}

Status VectorIndex::make_folder() const {
    std::error_code failed;
    std::filesystem::create_directories(folder_, failed);
    if (failed || ::chmod(folder_.c_str(), 0700) != 0) {
        return fail_errno("open folder " + folder_.string(), failed ? failed.value() : errno);
    }
    return {};
}

Status VectorIndex::open() {
    RESONANT_CHECK(make_folder());
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
    auto set = fresh ? SegmentSet::open(folder_, manifest, nullptr)
                     : fail(Code::DataLoss, "Arrow copy in " + folder_.string() +
                                                " is stale; it is rebuilt from SQLite");
    if (!set) {
        log().warn("{}", set.error().message);
        set = SegmentSet::none(manifest);
    }
    opened->set = std::move(*set);
    sweep_files(**found);
    const std::lock_guard lock(mutex_);
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

// The one integer that `question` asks for.
Result<std::int64_t> VectorIndex::state(std::string_view question) {
    std::int64_t found = 0;
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row, connection.prepare(question));
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

Status VectorIndex::compare(std::vector<std::string>& findings) {
    const std::lock_guard folding(folding_);
    const auto now = snapshot();
    RESONANT_ASSIGN(const std::int64_t all, public_rows(std::numeric_limits<std::int64_t>::max()));
    if (all == 0 && now->set->segments().empty()) {
        return {};  // there is nothing to copy
    }
    RESONANT_ASSIGN(const bool fresh, is_fresh(now->manifest()));
    if (!fresh || !now->forgotten.empty()) {
        findings.push_back("Arrow copy: it is stale");
    }
    const auto on_disk = read_manifest(folder_);
    if (!on_disk || !*on_disk) {
        findings.push_back(on_disk ? "Arrow copy: it is missing" : on_disk.error().message);
    }
    if (now->set->book() == nullptr && !now->set->segments().empty()) {
        findings.push_back("Arrow copy: its code book is missing or damaged");
    }
    for (std::size_t number = 0; number < now->set->segments().size(); ++number) {
        const auto& segment = now->set->segments()[number];
        const auto& gone = now->manifest().segments[number].gone;
        const auto again = Segment::open(folder_, segment->facts());
        const Status whole = again ? (*again)->verify() : std::unexpected(again.error());
        if (!whole) {
            findings.push_back(whole.error().message);
            continue;
        }
        const Status same = database_.read([&](Connection& connection) -> Status {
            RESONANT_ASSIGN(auto row, connection.prepare("SELECT e.vector, m.galaxy FROM memory_embeddings e"
                                                         " JOIN memories m ON m.id = e.memory_id"
                                                         " WHERE e.memory_id = ? AND e.model = ?"));
            const std::string& galaxy = segment->facts().galaxy;
            const auto ids = segment->ids();
            for (std::size_t i = 0; i < ids.size(); ++i) {
                if (std::ranges::binary_search(gone, ids[i])) {
                    continue;
                }
                row.reset().bind(1, sql_id(ids[i])).bind(2, model_);
                RESONANT_ASSIGN(const bool is_there, row.step());
                Vector vector;
                if (is_there) {
                    RESONANT_CHECK(copy_vector(row.blob(0), ids[i], vector));
                }
                if (!is_there || std::memcmp(vector.data(), segment->vectors() + i * kDimensions,
                                             sizeof vector) != 0) {
                    findings.push_back("Arrow copy: " + wire_id(ids[i]) + " differs from SQLite");
                } else if (!galaxy.empty() && row.text(1) != galaxy) {
                    findings.push_back("Arrow copy: " + wire_id(ids[i]) + " lies in a file of galaxy '" + galaxy +
                                       "', it is of '" + row.text(1) + "'");
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
    status.kernel = name_of(search::best_kernel());
    status.segments = now->set->segments().size();
    for (const SegmentFacts& facts : now->manifest().segments) {
        status.bytes += facts.bytes;
    }
    status.built_ns = now->manifest().built_ns;
    status.from_sqlite = now->set->segments().empty();
    return status;
}

}  // namespace resonant::memory
