#include "resonant/memory/verification.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "resonant/memory/digest.h"
#include "resonant/memory/manifest.h"
#include "resonant/memory/rows.h"
#include "resonant/memory/segment.h"
#include "resonant/sql/opening.h"
#include "resonant/sql/page_files.h"

namespace resonant::memory {
namespace {

using sql::Connection;
using sql::Statement;

constexpr const char* kRestore = "restore the database from a copy";
constexpr const char* kReindex = "stop the kernel and start it again: the text index is rebuilt";
constexpr const char* kRebuilt = "start the kernel: the copy is rebuilt from SQLite";

class Verifier {
  public:
    Verifier(Connection& connection, const std::filesystem::path& folder, const VerificationStep& step)
        : connection_(connection), folder_(folder), step_(step) {}

    Result<Verification> run() {
        RESONANT_CHECK(begin("structure of the database").structure());
        if (found_.findings.empty()) {  // else every answer below would be a guess
            RESONANT_CHECK(begin("texts").texts());
            RESONANT_CHECK(begin("histories").histories());
            RESONANT_CHECK(begin("links").links());
            RESONANT_CHECK(begin("index of words").words());
            RESONANT_CHECK(begin("vectors").vectors());
            RESONANT_CHECK(begin("Arrow copy").arrow());
        }
        // The ledger's pages too, though it proves itself: whoever wrote one went around this program.
        begin("pages");
        for (const std::uint32_t page : sql::damaged_pages(connection_.handle())) {
            find(fmt::format("database: page {} is not as it was written", page), kRestore);
        }
        return std::move(found_);
    }

  private:
    Verifier& begin(std::string_view what) {
        if (step_) {
            step_(steps_++, what);
        }
        return *this;
    }

    void find(std::string what, const char* way_out) {
        if (found_.findings.size() < kFindingsMax) {
            found_.findings.push_back(std::move(what) + "; " + way_out);
        }
    }

    template <typename Use>
    Status each(std::string_view query, const Use& use) {
        RESONANT_ASSIGN(Statement rows, connection_.prepare(query));
        return rows.each([&](const Statement& row) -> Status {
            use(row);
            return {};
        });
    }

    // Each row is the text of a fault.
    Status faults(std::string_view query, const char* way_out) {
        return each(query, [&](const Statement& row) { find(row.text(0), way_out); });
    }

    Status structure() {
        RESONANT_CHECK(each("PRAGMA integrity_check(100)", [&](const Statement& row) {
            if (row.text(0) != "ok") {
                find("database: " + row.text(0), kRestore);
            }
        }));
        return faults("SELECT 'row ' || rowid || ' of ' || \"table\" || ' names a row of ' || parent || ' that is not there'"
                      " FROM pragma_foreign_key_check LIMIT 100", kRestore);
    }

    Status texts() {
        RESONANT_CHECK(faults("SELECT 'm' || id || ' has no text' FROM memories"
                              " WHERE id NOT IN (SELECT memory_id FROM memory_texts) LIMIT 100", kRestore));
        return each("SELECT m.id, m.hash, t.content FROM memories m JOIN memory_texts t ON t.memory_id = m.id",
                    [&](const Statement& row) {
            ++found_.memories;
            Digest digest;
            digest.add(row.text(2));
            const Sha256 wanted = digest.finish();
            const auto kept = row.blob(1);
            if (kept.size() != sizeof wanted || std::memcmp(kept.data(), wanted.data(), sizeof wanted) != 0) {
                find("text of m" + std::to_string(row.integer(0)) + ": its SHA-256 is another than was kept", kRestore);
            }
        });
    }

    // The newest version of each memory is the one its row has, and none is missing before it. The first needs no row
    // while it is the only one.
    Status histories() {
        RESONANT_CHECK(each("SELECT (SELECT count(*) FROM memory_versions) + (SELECT count(*) FROM memories m"
                            " WHERE m.version = 1 AND NOT EXISTS(SELECT 1 FROM memory_versions v WHERE v.memory_id = m.id))",
                            [&](const Statement& row) { found_.versions = static_cast<std::size_t>(row.integer(0)); }));
        return faults("SELECT 'history of m' || m.id || ' has ' || count(v.id) || ' versions, the memory is at ' || m.version"
                      " FROM memories m LEFT JOIN memory_versions v ON v.memory_id = m.id"
                      " GROUP BY m.id HAVING (count(v.id) <> m.version OR max(v.version) <> m.version)"
                      " AND NOT (m.version = 1 AND count(v.id) = 0) LIMIT 100", kRestore);
    }

    Status links() {
        RESONANT_CHECK(each("SELECT count(*) FROM memory_edges WHERE removed_ns IS NULL",
                            [&](const Statement& row) { found_.links = static_cast<std::size_t>(row.integer(0)); }));
        return faults("SELECT 'link ' || id || ' from m' || source || ' to m' || target || ' is no link' FROM memory_edges"
                      " WHERE source = target OR NOT weight BETWEEN 0 AND 1 LIMIT 100", kRestore);
    }

    // Every word at its place: the index as it is beside one that is made anew of the texts.
    Status words() {
        std::string made;
        RESONANT_CHECK(each("SELECT sql FROM sqlite_schema WHERE name = 'memory_words'",
                            [&](const Statement& row) { made = row.text(0); }));
        const std::size_t name = made.find("memory_words");
        if (name == std::string::npos) {
            find("text index: it is missing", kRestore);
            return {};
        }
        RESONANT_CHECK(connection_.run(made.replace(name, std::strlen("memory_words"), "temp.words_now")));
        RESONANT_CHECK(connection_.run(
            "INSERT INTO temp.words_now(rowid, title, content, tags) SELECT m.id, m.title, t.content,"
            " coalesce((SELECT group_concat(tag, ' ') FROM (SELECT tag FROM memory_tags WHERE memory_id = m.id ORDER BY tag)), '')"
            " FROM memories m JOIN memory_texts t ON t.memory_id = m.id;"
            "CREATE VIRTUAL TABLE temp.vocabulary_now USING fts5vocab(temp, words_now, instance);"
            "CREATE VIRTUAL TABLE temp.vocabulary_kept USING fts5vocab(main, memory_words, instance);"));
        constexpr std::string_view kAll = "SELECT term, doc, col, offset FROM temp.vocabulary_";
        RESONANT_ASSIGN(Statement now, connection_.prepare(std::string(kAll) + "now"));
        RESONANT_ASSIGN(Statement kept, connection_.prepare(std::string(kAll) + "kept"));
        for (;;) {
            RESONANT_ASSIGN(const bool more, now.step());
            const Result<bool> more_kept = kept.step();
            if (!more_kept) {
                find("text index: " + more_kept.error().message, kReindex);
                return {};
            }
            const bool same = more == *more_kept &&
                              (!more || (now.text(0) == kept.text(0) && now.integer(1) == kept.integer(1) &&
                                         now.text(2) == kept.text(2) && now.integer(3) == kept.integer(3)));
            if (!same) {
                const Statement& differing = more ? now : kept;
                find(fmt::format("text index: it differs from the texts, first at m{}", differing.integer(1)), kReindex);
            }
            if (!same || !more) {
                return {};
            }
        }
    }

    Status vectors() {
        return each("SELECT memory_id, vector FROM memory_embeddings", [&](const Statement& row) {
            ++found_.vectors;
            Vector vector;
            const bool whole = copy_vector(row.blob(1), static_cast<MemoryId>(row.integer(0)), vector).has_value();
            double squares = 0;
            for (const float value : vector) {
                squares += double{value} * double{value};
            }
            if (!whole || !(std::abs(squares - 1) < 1e-3)) {  // true for NaN, too
                find("vector of m" + std::to_string(row.integer(0)) + ": it is not 384 numbers of unit length", kRestore);
            }
        });
    }

    Status arrow() {
        const Result<std::optional<Manifest>> manifest = read_manifest(folder_);
        if (!manifest) {
            find("Arrow copy: " + manifest.error().message, kRebuilt);
            return {};
        }
        if (!*manifest) {
            found_.notes.emplace_back("Arrow copy: there is none yet, search asks SQLite");
            return {};
        }
        RESONANT_ASSIGN(Statement rows, connection_.prepare("SELECT count(*) FROM memory_embeddings WHERE is_private = 0"
                                                            " AND model = ? AND sequence <= ?"));
        RESONANT_CHECK(rows.bind(1, (*manifest)->model).bind(2, (*manifest)->watermark).step());
        const bool fresh = rows.integer(0) == static_cast<std::int64_t>((*manifest)->rows());
        if (!fresh) {
            found_.notes.emplace_back("Arrow copy: vectors were changed since it was written; it catches up by itself");
        }
        if ((*manifest)->is_mixed()) {
            found_.notes.emplace_back("Arrow copy: an older program wrote it, several galaxies to a file; the kernel writes"
                                      " it anew by itself");
        }
        for (const SegmentFacts& facts : (*manifest)->segments) {
            const auto segment = Segment::open(folder_, facts);
            const Status whole = segment ? (*segment)->verify() : std::unexpected(segment.error());
            if (!whole) {
                find("Arrow copy: " + whole.error().message, kRebuilt);
                continue;
            }
            ++found_.segments;
            if (fresh) {
                RESONANT_CHECK(same_rows(**segment, facts.gone));
            }
        }
        return {};
    }

    // Vectors, and whose galaxy they are of.
    Status same_rows(const Segment& segment, const std::vector<MemoryId>& gone) {
        const std::string& galaxy = segment.facts().galaxy;
        RESONANT_ASSIGN(Statement row, connection_.prepare("SELECT e.vector, m.galaxy, m.is_private FROM memory_embeddings e"
                                                           " JOIN memories m ON m.id = e.memory_id WHERE e.memory_id = ?"));
        for (std::size_t i = 0; i < segment.ids().size(); ++i) {
            if (std::ranges::binary_search(gone, segment.ids()[i])) {
                continue;
            }
            RESONANT_ASSIGN(const bool is_there, row.reset().bind(1, sql_id(segment.ids()[i])).step());
            const auto kept = is_there ? row.blob(0) : std::span<const std::byte>();
            if (kept.size() != sizeof(Vector) ||
                std::memcmp(kept.data(), segment.vectors() + i * kDimensions, sizeof(Vector)) != 0) {
                find("Arrow copy: the vector of " + wire_id(segment.ids()[i]) + " differs from SQLite's", kRebuilt);
            } else if (row.integer(2) != 0 || (!galaxy.empty() && row.text(1) != galaxy)) {
                find(fmt::format("Arrow copy: {} lies in a file of galaxy '{}', it is {}of '{}'", wire_id(segment.ids()[i]),
                                 galaxy, row.integer(2) != 0 ? "private, " : "", row.text(1)), kRebuilt);
            }
        }
        return {};
    }

    Connection& connection_;
    const std::filesystem::path& folder_;
    const VerificationStep& step_;
    int steps_ = 0;
    Verification found_;
};

}  // namespace

Result<Verification> verify_files(const std::filesystem::path& database, const std::filesystem::path& folder,
                                  const VerificationStep& step) {
    RESONANT_ASSIGN(const auto connection, sql::connect(database, true));
    RESONANT_CHECK(connection->run("BEGIN"));
    Result<Verification> found = Verifier(*connection, folder, step).run();
    RESONANT_CHECK(connection->run("ROLLBACK"));
    return found;
}

}  // namespace resonant::memory
