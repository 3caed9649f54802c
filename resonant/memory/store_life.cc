#include "resonant/memory/store.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "resonant/memory/retention.h"

namespace resonant::memory {
namespace {

using sql::Connection;
using sql::Statement;

constexpr std::array<std::string_view, 7> kLinkTypes = {
    "related", "extends", "contradicts", "supersedes", "temporal", "causal", "near_duplicate"};
constexpr MemoryId kIdMax = INT64_MAX;
constexpr double kMoveLeast = 1e-3;  // a change of distance that is worth a write

struct Place {
    MemoryId id = 0;
    double before = 0;
    double after = 0;
};

Status check_edge(const Edge& edge) {
    if (edge.from == edge.to) {
        return fail(Code::InvalidArgument, "link: from and to are both " + wire_id(edge.from));
    }
    if (std::find(kLinkTypes.begin(), kLinkTypes.end(), edge.type) == kLinkTypes.end()) {
        return fail(Code::InvalidArgument,
                    "link: there is no type \"" + edge.type +
                        "\"; give related, extends, contradicts, supersedes, temporal or causal");
    }
    if (!(edge.weight >= 0 && edge.weight <= 1)) {
        return fail(Code::InvalidArgument, "link: weight is " + std::to_string(edge.weight) +
                                               "; give a number from 0 to 1");
    }
    return {};
}

Status draw(Connection& connection, const Edge& edge, const std::string& by, std::int64_t now_ns) {
    RESONANT_ASSIGN(auto statement,
                    connection.prepare("INSERT INTO memory_edges"
                                       "(source, target, type, weight, created_ns, created_by)"
                                       " VALUES(?, ?, ?, ?, ?, ?)"
                                       " ON CONFLICT(source, target, type) WHERE removed_ns IS NULL"
                                       " DO UPDATE SET weight = excluded.weight"));
    statement.bind(1, sql_id(edge.from)).bind(2, sql_id(edge.to)).bind(3, edge.type);
    return statement.bind(4, edge.weight).bind(5, now_ns).bind(6, by).run();
}

// Nothing is deleted: the link is marked as removed.
Status undraw(Connection& connection, const Edge& edge, const std::string& by,
              std::int64_t now_ns) {
    RESONANT_ASSIGN(auto statement,
                    connection.prepare("UPDATE memory_edges SET removed_ns = ?, removed_by = ?"
                                       " WHERE source = ? AND target = ? AND type = ?"
                                       " AND removed_ns IS NULL"));
    statement.bind(1, now_ns).bind(2, by).bind(3, sql_id(edge.from));
    RESONANT_CHECK(statement.bind(4, sql_id(edge.to)).bind(5, edge.type).run());
    if (connection.changes() == 0) {
        return fail(Code::NotFound, "link: " + wire_id(edge.from) + " has no link of type " +
                                        edge.type + " to " + wire_id(edge.to));
    }
    return {};
}

Status apply(Connection& connection, const std::vector<Place>& places, std::int64_t now_ns) {
    RESONANT_ASSIGN(auto row, connection.prepare(
                                  "UPDATE memories SET distance = ?, swept_ns = ? WHERE id = ?"));
    RESONANT_ASSIGN(auto mark, connection.prepare("UPDATE memories SET swept_ns = ? WHERE id = ?"));
    for (const Place& place : places) {
        if (std::abs(place.after - place.before) < kMoveLeast &&
            zone_at(place.after) == zone_at(place.before)) {
            RESONANT_CHECK(mark.reset().bind(1, now_ns).bind(2, sql_id(place.id)).run());
            continue;
        }
        row.reset().bind(1, place.after).bind(2, now_ns).bind(3, sql_id(place.id));
        RESONANT_CHECK(row.run());
    }
    return {};
}

}  // namespace

std::span<const std::string_view> DataSea::link_types() { return kLinkTypes; }

Status Store::link(const Edge& edge, bool remove, const std::string& by) {
    RESONANT_CHECK(check_edge(edge));
    return database_.write([&](Connection& connection) -> Status {
        RESONANT_CHECK(load(connection, edge.from, by));
        RESONANT_CHECK(load(connection, edge.to, by));
        const std::int64_t now_ns = clock_.wall().count;
        return remove ? undraw(connection, edge, by, now_ns) : draw(connection, edge, by, now_ns);
    });
}

namespace {

// Where the last sweep ended: the next begins behind it, so that it is always the turn of those that waited longest.
Result<MemoryId> swept_up_to(Connection& connection) {
    RESONANT_ASSIGN(auto row, connection.prepare("SELECT value FROM memory_state WHERE key = 'swept'"));
    RESONANT_CHECK(row.step());
    return static_cast<MemoryId>(row.integer(0));
}

Status end_sweep_at(Connection& connection, MemoryId id) {
    RESONANT_ASSIGN(auto row, connection.prepare("UPDATE memory_state SET value = ? WHERE key = 'swept'"));
    return row.bind(1, sql_id(id)).run();
}

}  // namespace

Result<SweepReport> Store::sweep(std::size_t limit, bool dry_run, bool only_used) {
    SweepReport report;
    std::vector<Place> places;
    // Those with ids above `after`, up to `last`, as long as there is room.
    const auto rescore = [&](Connection& connection, MemoryId after, MemoryId last) -> Status {
        RESONANT_ASSIGN(auto rows, connection.prepare(select_memories() +
                                                      "WHERE m.is_archived = 0 AND (?1 = 0 OR a.last_ns > m.swept_ns)"
                                                      " AND m.id > ?2 AND m.id <= ?3 ORDER BY m.id LIMIT ?4"));
        rows.bind(1, only_used).bind(2, sql_id(after)).bind(3, sql_id(last));
        rows.bind(4, static_cast<std::int64_t>(limit - places.size()));
        return rows.each([&](const Statement& row) -> Status {
            const Memory memory = memory_of(row);
            RESONANT_ASSIGN(const double distance, distance_now(connection, memory));
            places.push_back({memory.id, memory.distance, distance});
            if (memory.zone() != zone_at(distance)) {
                report.moves.emplace_back(memory.id, memory.zone(), zone_at(distance));
            }
            return {};
        });
    };
    const auto rescore_in_turn = [&](Connection& connection) -> Status {
        if (only_used) {
            return rescore(connection, 0, kIdMax);
        }
        RESONANT_ASSIGN(const MemoryId swept, swept_up_to(connection));
        RESONANT_CHECK(rescore(connection, swept, kIdMax));
        return rescore(connection, 0, swept);
    };
    if (dry_run) {
        RESONANT_CHECK(database_.read(rescore_in_turn));
    } else {
        const Status done = database_.write([&](Connection& connection) -> Status {
            RESONANT_CHECK(rescore_in_turn(connection));
            RESONANT_CHECK(apply(connection, places, clock_.wall().count));
            for (const auto& [id, source, target] : report.moves) {
                RESONANT_CHECK(record_move(connection, id, source, target));
            }
            if (!only_used && !places.empty()) {
                RESONANT_CHECK(end_sweep_at(connection, places.back().id));
            }
            return connection.run("UPDATE memory_state SET value = value + " +
                                  std::to_string(report.moves.size()) + " WHERE key = 'facts'");
        });
        RESONANT_CHECK(done);
    }
    report.rescored = places.size();
    return report;
}

Result<ZoneStats> Store::zones(const std::string& galaxy,
                               const std::optional<std::string>& viewer) {
    ZoneStats stats;
    double distances = 0;
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(
            auto rows, connection.prepare("SELECT distance, is_archived, is_protected FROM memories"
                                          " WHERE (?1 = '' OR galaxy = ?1)"
                                          " AND (?2 = 0 OR is_private = 0 OR owner = ?3)"));
        rows.bind(1, galaxy).bind(2, viewer.has_value()).bind(3, viewer.value_or(""));
        return rows.each([&](const Statement& row) -> Status {
            ++stats.total;
            ++stats.count[static_cast<std::size_t>(zone_at(row.real(0)))];
            distances += row.real(0);
            stats.archived += row.integer(1) != 0 ? 1 : 0;
            stats.protected_count += row.integer(2) != 0 ? 1 : 0;
            return {};
        });
    });
    RESONANT_CHECK(done);
    if (stats.total > 0) {
        stats.mean_retention = 1 - distances / static_cast<double>(stats.total);
    }
    return stats;
}

Result<std::vector<std::tuple<Zone, Zone, std::size_t, std::int64_t>>> Store::movements() {
    std::vector<std::tuple<Zone, Zone, std::size_t, std::int64_t>> found;
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto rows,
                        connection.prepare("SELECT source_zone, target_zone, count(*), max(at_ns)"
                                           " FROM memory_moves GROUP BY 1, 2 ORDER BY 1, 2"));
        return rows.each([&](const Statement& row) -> Status {
            found.emplace_back(static_cast<Zone>(row.integer(0)), static_cast<Zone>(row.integer(1)),
                               static_cast<std::size_t>(row.integer(2)), row.integer(3));
            return {};
        });
    });
    RESONANT_CHECK(done);
    return found;
}

Status Store::check_words(bool repair, std::vector<std::string>& findings) {
    std::int64_t differing = 0;
    const Status counted = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row, connection.prepare(
                                      "SELECT (SELECT count(*) FROM memories WHERE id NOT IN"
                                      " (SELECT id FROM memory_words_docsize)) +"
                                      " (SELECT count(*) FROM memory_words_docsize WHERE id NOT IN"
                                      " (SELECT id FROM memories))"));
        RESONANT_CHECK(row.step());
        differing = row.integer(0);
        return {};
    });
    RESONANT_CHECK(counted);
    if (differing == 0) {
        return {};
    }
    findings.push_back("text index: " + std::to_string(differing) + " memories differ");
    return !repair ? Status() : database_.write([](Connection& connection) {
        return connection.run(
            "INSERT INTO memory_words(memory_words) VALUES('delete-all');"
            "INSERT INTO memory_words(rowid, title, content, tags)"
            " SELECT m.id, m.title, t.content, coalesce((SELECT group_concat(tag, ' ') FROM"
            "  (SELECT tag FROM memory_tags WHERE memory_id = m.id ORDER BY tag)), '')"
            " FROM memories m JOIN memory_texts t ON t.memory_id = m.id");
    });
}

}  // namespace resonant::memory
