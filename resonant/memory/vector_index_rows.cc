// The part of a VectorIndex that carries rows from SQLite into segments, each of one galaxy.
#include "resonant/memory/vector_index.h"

#include <fmt/core.h>

#include <algorithm>
#include <deque>
#include <future>

namespace resonant::memory {
namespace {

using sql::Connection;
using sql::Statement;

constexpr std::size_t kSyncing = 8;       // files
constexpr std::size_t kNamesKept = 256;   // names whose signatures a fold remembers
constexpr std::size_t kTellEvery = 4'096;  // rows
// A galaxy with this share of all is read as the vectors lie in the file; a smaller one by its memories, one by one.
constexpr std::int64_t kScannedShare = 3;
// A segment of so many rows is written again with whatever is new in its galaxy. A larger one is when as many rows come
// to it, so that a galaxy has at most some ten that are not full, and a row is written again some ten times in its life.
constexpr std::size_t kTinyRows = 64;

// What a segment holds of a memory, but for its galaxy; then whose rows.
constexpr std::string_view kSelect =
    "SELECT e.sequence, e.memory_id, e.vector, m.title, m.distance, m.importance, m.constellation,"
    " max(m.updated_ns, coalesce(a.last_ns, 0)), m.is_protected, m.predecessor_family, m.phase, m.posture,"
    " m.created_ns, m.is_archived, m.type,"
    " (SELECT group_concat(tag, char(10)) FROM memory_tags WHERE memory_id = m.id)";
// As they lie in the file, not by way of an index.
constexpr std::string_view kScanned =
    " FROM memory_embeddings e NOT INDEXED CROSS JOIN memories m ON m.id = e.memory_id"
    " LEFT JOIN memory_access a ON a.memory_id = m.id"
    " WHERE e.is_private = 0 AND e.model = ?1 AND m.galaxy = ?2 ORDER BY e.sequence";
constexpr std::string_view kPicked =
    " FROM memory_embeddings e CROSS JOIN memories m ON m.id = e.memory_id"
    " LEFT JOIN memory_access a ON a.memory_id = m.id"
    " WHERE e.memory_id = ?3 AND e.is_private = 0 AND e.model = ?1 AND m.galaxy = ?2";

// A galaxy's name as part of a file's: what no galaxy.create would take is written as %XX.
std::string in_file_name(std::string_view galaxy) {
    std::string name;
    for (const char each : galaxy) {
        const bool is_plain = (each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z') ||
                              (each >= '0' && each <= '9') || each == '.' || each == '_' || each == '-';
        name += is_plain ? std::string(1, each) : fmt::format("%{:02X}", static_cast<unsigned char>(each));
    }
    return name;
}

std::size_t counting(const SegmentFacts& facts) { return facts.rows - facts.gone.size(); }

void add_counting(const Segment& segment, const std::vector<MemoryId>& gone, std::vector<MemoryId>& ids) {
    std::ranges::copy_if(segment.ids(), std::back_inserter(ids),
                         [&](MemoryId id) { return !std::ranges::binary_search(gone, id); });
}

}  // namespace

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

// Rows on their way from SQLite into segments of a bounded size. While one is written, the next is read, and those
// before it reach the disk: together, as each alone would wait as long.
struct VectorIndex::Rows {
    const std::filesystem::path& folder;
    const std::string& model;
    Manifest& manifest;
    const search::CodeBook& book;
    const Told& told;
    std::string galaxy = {};     // whose rows are added
    std::int64_t sequence = 0;   // the greatest of those that wait
    std::size_t done = 0;
    std::vector<SegmentRow> waiting = {};
    std::vector<SegmentRow> leaving = {};  // what `writing` writes
    std::future<Result<UnsyncedSegment>> writing = {};
    std::deque<std::future<Result<SegmentFacts>>> syncing = {};  // at most kSyncing
    std::map<std::string, std::uint64_t, std::less<>> names = {};  // and their signatures

    // Rows of another galaxy follow.
    Status begin(const std::string& next) {
        RESONANT_CHECK(flush());
        galaxy = next;
        return {};
    }

    Status scan(Connection& connection) {
        RESONANT_ASSIGN(auto statement, connection.prepare(fmt::format("{}{}", kSelect, kScanned)));
        return statement.bind(1, model).bind(2, galaxy).each([&](const Statement& row) { return add(row); });
    }

    // Of those ids, the ones that are public memories of the galaxy now, and have a vector.
    Status pick(Connection& connection, std::span<const MemoryId> ids) {
        RESONANT_ASSIGN(auto row, connection.prepare(fmt::format("{}{}", kSelect, kPicked)));
        row.bind(1, model).bind(2, galaxy);
        for (const MemoryId id : ids) {
            RESONANT_ASSIGN(const bool is_there, row.reset().bind(3, sql_id(id)).step());
            RESONANT_CHECK(is_there ? add(row) : Status());
        }
        return {};
    }

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
        next.signature = signature("galaxy", galaxy) | signature("type", row.text(14));
        const std::string tags = row.text(15);
        for (std::size_t start = 0; start < tags.size();) {
            const std::size_t stop = std::min(tags.find('\n', start), tags.size());
            next.signature |= signature("tag", tags.substr(start, stop - start));
            start = stop + 1;
        }
        sequence = std::max(sequence, row.integer(0));
        if (told && ++done % kTellEvery == 0) {
            told(done);
        }
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
        manifest.watermark = std::max(manifest.watermark, sequence);
        std::string name =
            fmt::format("sea-{}@{}-{}{}", in_file_name(galaxy), manifest.generation, ++manifest.files, kSegmentSuffix);
        writing = std::async(std::launch::async, [this, name = std::move(name), whose = galaxy,
                                                  last = std::exchange(sequence, 0)]() -> Result<UnsyncedSegment> {
            RESONANT_ASSIGN(auto made, prepare_segment(folder, name, leaving, model, &book, whose));
            made.facts.watermark = last;
            return made;
        });
        return {};
    }

    // Waits for what is being written, and has it synced.
    Status finish() {
        if (writing.valid()) {
            RESONANT_ASSIGN(UnsyncedSegment made, writing.get());
            RESONANT_CHECK(synced(kSyncing - 1));
            syncing.push_back(std::async(std::launch::async, [made = std::move(made)]() mutable -> Result<SegmentFacts> {
                RESONANT_CHECK(made.file->appear());
                return std::move(made.facts);
            }));
        }
        return {};
    }

    // Waits until no more than `left` are being synced.
    Status synced(std::size_t left) {
        for (; syncing.size() > left; syncing.pop_front()) {
            RESONANT_ASSIGN(SegmentFacts facts, syncing.front().get());
            manifest.segments.push_back(std::move(facts));
        }
        return {};
    }
};

Status VectorIndex::write_rows(Manifest& manifest, const search::CodeBook& book, const Told& told,
                               const std::function<Status(Connection&, Rows&)>& add) {
    manifest.model = model_;
    manifest.built_ns = clock_.wall().count;
    const std::uint64_t files = manifest.files;
    Rows rows{folder_, model_, manifest, book, told};
    RESONANT_CHECK(database_.read([&](Connection& connection) -> Status {
        RESONANT_CHECK(add(connection, rows));
        return rows.flush();
    }));
    if (told) {
        told(rows.done);
    }
    RESONANT_CHECK(rows.finish());
    RESONANT_CHECK(rows.synced(0));
    return manifest.files == files ? Status() : DurableFile::sync_folder(folder_);
}

Status VectorIndex::write_all(Manifest& manifest, const search::CodeBook& book, const Told& told) {
    return write_rows(manifest, book, told, [&](Connection& connection, Rows& rows) -> Status {
        RESONANT_ASSIGN(manifest.marks, marks_now());
        std::map<std::string, std::int64_t> galaxies;  // and how many memories each has
        std::int64_t all = 0;
        RESONANT_ASSIGN(auto counts, connection.prepare("SELECT galaxy, count(*) FROM memories GROUP BY galaxy"));
        RESONANT_CHECK(counts.each([&](const Statement& row) -> Status {
            all += galaxies[row.text(0)] = row.integer(1);
            return {};
        }));
        RESONANT_ASSIGN(auto members, connection.prepare("SELECT id FROM memories WHERE galaxy = ? ORDER BY id"));
        for (const auto& [galaxy, count] : galaxies) {
            RESONANT_CHECK(rows.begin(galaxy));
            if (count * kScannedShare >= all) {
                RESONANT_CHECK(rows.scan(connection));
                continue;
            }
            Ids ids;
            RESONANT_CHECK(members.reset().bind(1, galaxy).each([&](const Statement& row) -> Status {
                ids.push_back(static_cast<MemoryId>(row.integer(0)));
                return {};
            }));
            RESONANT_CHECK(rows.pick(connection, ids));
        }
        return {};
    });
}

Status VectorIndex::write_due(const SegmentSet& set, const Due& due, Manifest& manifest, const search::CodeBook& book) {
    const std::vector<SegmentFacts> former = std::exchange(manifest.segments, {});
    std::vector<bool> is_written(former.size());
    std::map<std::string, Ids> wanted;  // of each galaxy
    const auto write_again = [&](std::uint32_t place) {
        is_written[place] = true;
        add_counting(*set.segments()[place], former[place].gone, wanted[former[place].galaxy]);
    };
    std::ranges::for_each(due.segments, write_again);
    return write_rows(manifest, book, {}, [&](Connection& connection, Rows& rows) -> Status {
        RESONANT_ASSIGN(auto newer, connection.prepare(
                                        "SELECT e.memory_id, m.galaxy FROM memory_embeddings e"
                                        " JOIN memories m ON m.id = e.memory_id"
                                        " WHERE e.is_private = 0 AND e.model = ? AND e.sequence > ?"));
        newer.bind(1, model_).bind(2, manifest.watermark);
        RESONANT_CHECK(newer.each([&](const Statement& row) -> Status {
            wanted[row.text(1)].push_back(static_cast<MemoryId>(row.integer(0)));
            return {};
        }));
        for (auto& [galaxy, ids] : wanted) {
            std::vector<std::uint32_t> small;
            std::ranges::copy_if(set.places_of(galaxy), std::back_inserter(small), [&](std::uint32_t place) {
                return !is_written[place] && former[place].rows < kSegmentRowsMax;
            });
            std::ranges::sort(small, {}, [&](std::uint32_t place) { return counting(former[place]); });
            for (const std::uint32_t place : small) {
                if (counting(former[place]) <= std::max(kTinyRows, ids.size())) {
                    write_again(place);
                }
            }
        }
        for (std::size_t place = 0; place < former.size(); ++place) {
            if (!is_written[place]) {
                manifest.segments.push_back(former[place]);
            }
        }
        for (auto& [galaxy, ids] : wanted) {
            std::ranges::sort(ids);
            ids.erase(std::ranges::unique(ids).begin(), ids.end());  // one may have been changed since the last look
            RESONANT_CHECK(rows.begin(galaxy));
            RESONANT_CHECK(rows.pick(connection, ids));
        }
        return {};
    });
}

}  // namespace resonant::memory
