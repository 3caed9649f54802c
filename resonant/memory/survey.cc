#include "resonant/memory/survey.h"

#include <algorithm>
#include <cmath>

#include "resonant/json/json.h"
#include "resonant/memory/rows.h"

namespace resonant::memory {
namespace {

using sql::Connection;
using sql::Statement;

MemoryId id_at(const Statement& row, int column) {
    return static_cast<MemoryId>(row.integer(column));
}

// Runs a query whose rows are pairs of ids and whose last parameter is the limit.
Result<std::vector<PairOfMemories>> pairs(sql::Database& database, std::string_view query,
                                          const std::string& text, std::size_t limit) {
    std::vector<PairOfMemories> found;
    const Status done = database.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto rows, connection.prepare(query));
        rows.bind(1, text).bind(2, static_cast<std::int64_t>(limit));
        return rows.each([&](const Statement& row) -> Status {
            found.push_back({id_at(row, 0), id_at(row, 1)});
            return {};
        });
    });
    RESONANT_CHECK(done);
    return found;
}

}  // namespace

Status Survey::create_table(Connection& connection) {
    return connection.run(
        "CREATE TABLE IF NOT EXISTS memory_marks(memory_id INT NOT NULL REFERENCES memories(id),"
        " kind TEXT NOT NULL, evidence TEXT NOT NULL, at_ns INT NOT NULL, UNIQUE(memory_id, kind))");
}

Result<std::vector<Placed>> Survey::places(std::size_t limit) {
    std::vector<Placed> found;
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(
            auto rows,
            connection.prepare(
                "SELECT m.id, m.distance, m.importance, m.constellation, coalesce(a.count, 0),"
                " max(m.updated_ns, coalesce(a.last_ns, 0)), m.is_protected,"
                " (SELECT count(*) FROM memory_edges e WHERE e.source = m.id AND e.removed_ns IS NULL)"
                " + (SELECT count(*) FROM memory_edges e WHERE e.target = m.id AND e.removed_ns IS NULL)"
                " FROM memories m LEFT JOIN memory_access a ON a.memory_id = m.id"
                " WHERE m.is_private = 0 AND m.is_archived = 0 ORDER BY m.distance LIMIT ?"));
        return rows.bind(1, static_cast<std::int64_t>(limit)).each([&](const Statement& row) -> Status {
            found.push_back({id_at(row, 0), row.real(1), row.real(2),
                             static_cast<std::uint16_t>(row.integer(3)),
                             static_cast<std::uint32_t>(row.integer(4)), row.integer(5),
                             row.integer(6) != 0, static_cast<std::uint32_t>(row.integer(7))});
            return {};
        });
    });
    RESONANT_CHECK(done);
    std::sort(found.begin(), found.end(),
              [](const Placed& a, const Placed& b) { return a.id < b.id; });
    return found;
}

Result<std::vector<MemoryId>> Survey::unlinked(std::size_t limit) {
    std::vector<MemoryId> found;
    RESONANT_ASSIGN(const auto rows,
                    pairs(database_,
                          "SELECT m.id, 0 FROM memories m"
                          " JOIN memory_embeddings e ON e.memory_id = m.id"
                          " WHERE ?1 = '' AND m.is_private = 0 AND m.is_archived = 0"
                          " AND m.constellation != 0 AND NOT EXISTS(SELECT 1 FROM memory_edges l"
                          "  WHERE (l.source = m.id OR l.target = m.id) AND l.removed_ns IS NULL)"
                          " ORDER BY m.id LIMIT ?2",
                          "", limit));
    for (const PairOfMemories& row : rows) {
        found.push_back(row.source);
    }
    return found;
}

Result<std::vector<PairOfMemories>> Survey::linked_by(const std::string& type, std::size_t limit) {
    return pairs(database_,
                 "SELECT e.source, e.target FROM memory_edges e"
                 " JOIN memories s ON s.id = e.source JOIN memories t ON t.id = e.target"
                 " WHERE e.type = ?1 AND e.removed_ns IS NULL AND s.is_private = 0"
                 " AND t.is_private = 0 AND s.is_archived = 0 AND t.is_archived = 0"
                 " ORDER BY e.id LIMIT ?2",
                 type, limit);
}

Result<std::vector<PairOfMemories>> Survey::hubs(std::size_t limit) {
    RESONANT_ASSIGN(const auto placed, places(1'000'000));
    double sum = 0;
    double squares = 0;
    for (const Placed& one : placed) {
        sum += one.links;
        squares += static_cast<double>(one.links) * one.links;
    }
    const double count = std::max(1.0, static_cast<double>(placed.size()));
    const double mean = sum / count;
    const double border = mean + 2 * std::sqrt(std::max(0.0, squares / count - mean * mean));
    std::vector<PairOfMemories> found;
    for (const Placed& one : placed) {
        if (one.links > border && one.links > 2) {
            found.push_back({one.id, one.links});
        }
    }
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
        return a.target > b.target;
    });
    found.resize(std::min(found.size(), limit));
    return found;
}

Result<std::vector<Episode>> Survey::episodes(std::size_t limit, std::int64_t before_ns) {
    constexpr std::size_t kMembersMax = 20;
    std::vector<Episode> found;
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(
            auto sessions,
            connection.prepare(
                "SELECT session, galaxy, min(created_ns), max(created_ns) FROM memories m"
                " WHERE session != '' AND is_private = 0 AND is_archived = 0"
                " AND source NOT LIKE 'dream:%' AND NOT EXISTS(SELECT 1 FROM memories n"
                "  WHERE n.source = 'dream:narrate:' || m.session AND n.galaxy = m.galaxy)"
                " GROUP BY session, galaxy HAVING count(*) >= 3 AND max(created_ns) < ?1"
                " ORDER BY max(created_ns) LIMIT ?2"));
        sessions.bind(1, before_ns).bind(2, static_cast<std::int64_t>(limit));
        RESONANT_CHECK(sessions.each([&](const Statement& row) -> Status {
            found.push_back({row.text(0), row.text(1), {}, {}, row.integer(2), row.integer(3)});
            return {};
        }));
        RESONANT_ASSIGN(
            auto members,
            connection.prepare(
                "SELECT m.id, CASE WHEN m.title != '' THEN m.title"
                " ELSE substr(t.content, 1, 80) END FROM memories m"
                " JOIN memory_texts t ON t.memory_id = m.id WHERE m.session = ? AND m.galaxy = ?"
                " AND m.is_private = 0 AND m.is_archived = 0 ORDER BY m.created_ns, m.id LIMIT ?"));
        for (Episode& episode : found) {
            members.reset().bind(1, episode.session).bind(2, episode.galaxy);
            members.bind(3, static_cast<std::int64_t>(kMembersMax));
            RESONANT_CHECK(members.each([&](const Statement& row) -> Status {
                episode.members.push_back(id_at(row, 0));
                episode.titles.push_back(row.text(1));
                return {};
            }));
        }
        return {};
    });
    RESONANT_CHECK(done);
    return found;
}

Result<std::vector<Junk>> Survey::junk(std::size_t limit, std::int64_t before_ns) {
    std::vector<Junk> found;
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(
            auto rows,
            connection.prepare(
                "SELECT m.id, (SELECT e.source FROM memory_edges e WHERE e.target = m.id"
                "  AND e.type = 'supersedes' AND e.removed_ns IS NULL LIMIT 1) AS newer,"
                " (SELECT min(e.source, e.target) FROM memory_edges e"
                "  WHERE (e.source = m.id OR e.target = m.id) AND e.type = 'near_duplicate'"
                "  AND e.removed_ns IS NULL AND min(e.source, e.target) < m.id LIMIT 1) AS older"
                " FROM memories m LEFT JOIN memory_access a ON a.memory_id = m.id"
                " WHERE m.is_private = 0 AND m.is_archived = 0 AND m.is_protected = 0"
                " AND coalesce(a.count, 0) = 0 AND m.created_ns < ?1"
                " AND (newer IS NOT NULL OR older IS NOT NULL) ORDER BY m.id LIMIT ?2"));
        rows.bind(1, before_ns).bind(2, static_cast<std::int64_t>(limit));
        return rows.each([&](const Statement& row) -> Status {
            std::string evidence = "never recalled";
            if (!row.is_null(1)) {
                evidence += ", superseded by " + wire_id(id_at(row, 1));
            }
            if (!row.is_null(2)) {
                evidence += ", near-duplicate of " + wire_id(id_at(row, 2));
            }
            found.push_back({id_at(row, 0), std::move(evidence)});
            return {};
        });
    });
    RESONANT_CHECK(done);
    return found;
}

Result<Untidiness> Survey::untidiness() {
    Untidiness found;
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(
            auto row,
            connection.prepare(
                "SELECT sum(NOT EXISTS(SELECT 1 FROM memory_embeddings WHERE memory_id = m.id)),"
                " sum(m.title = ''),"
                " sum(NOT EXISTS(SELECT 1 FROM memory_tags WHERE memory_id = m.id)),"
                " sum(NOT EXISTS(SELECT 1 FROM memory_edges e WHERE (e.source = m.id OR e.target = m.id)"
                "  AND e.removed_ns IS NULL)),"
                " sum(m.distance >= 0.65 AND m.importance >= 0.7)"
                " FROM memories m WHERE m.is_private = 0 AND m.is_archived = 0"));
        RESONANT_CHECK(row.step());
        const auto count = [&](int column) { return static_cast<std::size_t>(row.integer(column)); };
        found = {count(0), count(1), count(2), count(3), count(4)};
        return {};
    });
    RESONANT_CHECK(done);
    return found;
}

Result<std::vector<Edge>> Survey::edges_from(std::span<const MemoryId> ids,
                                             const std::string& viewer) {
    std::vector<Edge> edges;
    const Json list = std::vector<MemoryId>(ids.begin(), ids.end());
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto rows,
                        connection.prepare("SELECT e.source, e.target, e.type, e.weight"
                                           " FROM memory_edges e JOIN memories t ON t.id = e.target"
                                           " WHERE e.source IN (SELECT value FROM json_each(?1))"
                                           " AND e.removed_ns IS NULL"
                                           " AND (t.is_private = 0 OR t.owner = ?2) ORDER BY e.id"));
        return rows.bind(1, list.dump()).bind(2, viewer).each([&](const Statement& row) -> Status {
            edges.push_back({id_at(row, 0), id_at(row, 1), row.text(2), row.real(3)});
            return {};
        });
    });
    RESONANT_CHECK(done);
    return edges;
}

Status Survey::mark(MemoryId id, const std::string& kind, const std::string& evidence) {
    return database_.write([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row,
                        connection.prepare("INSERT INTO memory_marks VALUES(?, ?, ?, ?)"
                                           " ON CONFLICT DO UPDATE SET evidence = excluded.evidence,"
                                           " at_ns = excluded.at_ns"));
        row.bind(1, sql_id(id)).bind(2, kind).bind(3, evidence);
        return row.bind(4, clock_.wall().count).run();
    });
}

Result<std::map<MemoryId, std::int64_t>> Survey::marked(const std::string& kind) {
    std::map<MemoryId, std::int64_t> found;
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto rows, connection.prepare(
                                       "SELECT memory_id, at_ns FROM memory_marks WHERE kind = ?"));
        return rows.bind(1, kind).each([&](const Statement& row) -> Status {
            found[id_at(row, 0)] = row.integer(1);
            return {};
        });
    });
    RESONANT_CHECK(done);
    return found;
}

Result<std::vector<MemoryId>> Survey::useless(std::int64_t since_ns) {
    std::vector<MemoryId> found;
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto rows,
                        connection.prepare("SELECT memory_id FROM memory_marks m WHERE kind = 'useless' AND at_ns > ?"
                                           " AND NOT EXISTS(SELECT 1 FROM memory_marks u WHERE u.kind = 'useful'"
                                           "  AND u.memory_id = m.memory_id AND u.at_ns > m.at_ns) ORDER BY memory_id"));
        return rows.bind(1, since_ns).each([&](const Statement& row) -> Status {
            found.push_back(id_at(row, 0));
            return {};
        });
    });
    RESONANT_CHECK(done);
    return found;
}

}  // namespace resonant::memory
