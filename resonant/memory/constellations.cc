#include "resonant/memory/constellations.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <set>

#include "resonant/json/json.h"
#include "resonant/memory/constellation_name.h"
#include "resonant/memory/rows.h"

namespace resonant::memory {
namespace {

using sql::Connection;
using sql::Statement;

constexpr double kNameStays = 0.5;  // stability from which a constellation keeps its name
constexpr std::size_t kTagsShown = 5;

struct Former {
    Constellation row;
    Vector centre{};
    std::size_t size_before = 0;
};

constexpr std::string_view kMembers =
    " FROM memories m JOIN memory_embeddings e ON e.memory_id = m.id"
    " WHERE m.is_private = 0 AND m.is_archived = 0 AND m.galaxy = ?1 AND e.model = ?2";

Result<std::vector<std::string>> galaxies_of(Connection& connection) {
    std::vector<std::string> names;
    RESONANT_ASSIGN(auto rows, connection.prepare("SELECT DISTINCT galaxy FROM memories ORDER BY 1"));
    RESONANT_CHECK(rows.each([&](const Statement& row) -> Status {
        names.push_back(row.text(0));
        return {};
    }));
    return names;
}

Constellation row_of(const Statement& row) {
    Constellation made;
    made.id = static_cast<std::uint16_t>(row.integer(0));
    made.galaxy = row.text(1);
    made.name = row.text(2);
    const auto tags = json::parse(row.text(3));
    if (tags && tags->is_array()) {
        for (const Json& tag : *tags) {
            made.tags.push_back(tag.get<std::string>());
        }
    }
    made.size = static_cast<std::size_t>(row.integer(4));
    made.cohesion = row.real(5);
    made.stability = row.real(6);
    made.drift = row.real(7);
    made.made_ns = row.integer(8);
    return made;
}

constexpr std::string_view kColumns =
    "SELECT id, galaxy, name, tags, size, cohesion, stability, drift, made_ns";

Result<std::vector<Former>> former_of(Connection& connection, const std::string& galaxy) {
    std::vector<Former> former;
    RESONANT_ASSIGN(auto rows, connection.prepare(std::string(kColumns) +
                                                  ", centre FROM memory_constellations"
                                                  " WHERE galaxy = ? ORDER BY id"));
    RESONANT_CHECK(rows.bind(1, galaxy).each([&](const Statement& row) -> Status {
        Former one{row_of(row), {}, 0};
        RESONANT_CHECK(copy_vector(row.blob(9), one.row.id, one.centre));
        former.push_back(std::move(one));
        return {};
    }));
    return former;
}

Result<std::vector<Vector>> sampled(Connection& connection, const std::string& galaxy,
                                    const std::string& model) {
    RESONANT_ASSIGN(auto count, connection.prepare("SELECT count(*)" + std::string(kMembers)));
    RESONANT_CHECK(count.bind(1, galaxy).bind(2, model).step());
    const std::int64_t step =
        1 + count.integer(0) / static_cast<std::int64_t>(Constellations::kSampled);
    std::vector<Vector> vectors;
    RESONANT_ASSIGN(auto rows,
                    connection.prepare("SELECT m.id, e.vector" + std::string(kMembers) +
                                       " AND e.sequence % ?3 = 0 ORDER BY m.id LIMIT ?4"));
    rows.bind(1, galaxy).bind(2, model).bind(3, step);
    rows.bind(4, static_cast<std::int64_t>(Constellations::kSampled));
    RESONANT_CHECK(rows.each([&](const Statement& row) -> Status {
        return copy_vector(row.blob(1), static_cast<MemoryId>(row.integer(0)),
                           vectors.emplace_back());
    }));
    return vectors;
}

}  // namespace

Status Constellations::create_table(Connection& connection) {
    return connection.run(
        "CREATE TABLE IF NOT EXISTS memory_constellations("
        " id INTEGER PRIMARY KEY AUTOINCREMENT, galaxy TEXT NOT NULL, name TEXT NOT NULL,"
        " tags TEXT NOT NULL, size INT NOT NULL, cohesion REAL NOT NULL, stability REAL NOT NULL,"
        " drift REAL NOT NULL, made_ns INT NOT NULL, centre BLOB NOT NULL)");
}

namespace {

// Gives each centre an id: its former one, or the next that was never used.
Status give_ids(Connection& connection, const search::Centres& centres, const std::vector<Former>& former,
                const std::string& galaxy, std::int64_t now_ns,
                std::vector<Constellation>& made) {
    RESONANT_ASSIGN(auto row, connection.prepare("SELECT coalesce(max(seq), 0) FROM sqlite_sequence"
                                                 " WHERE name = 'memory_constellations'"));
    RESONANT_CHECK(row.step());
    std::int64_t next = row.integer(0);
    for (std::size_t i = 0; i < centres.centres.size(); ++i) {
        Constellation one;
        one.galaxy = galaxy;
        one.made_ns = now_ns;
        if (centres.origin[i] != search::kNoCluster) {
            one = former[centres.origin[i]].row;
        } else if (++next <= std::numeric_limits<std::uint16_t>::max()) {
            one.id = static_cast<std::uint16_t>(next);
        } else {
            return fail(Code::ResourceExhausted,
                        "constellations: all 65,535 ids were given; later groups have none");
        }
        made.push_back(std::move(one));
    }
    return {};
}

Status write_rows(Connection& connection, const std::string& galaxy,
                  const std::vector<Constellation>& made, const std::vector<Vector>& centres) {
    RESONANT_ASSIGN(auto former,
                    connection.prepare("DELETE FROM memory_constellations WHERE galaxy = ?"));
    RESONANT_CHECK(former.bind(1, galaxy).run());
    RESONANT_ASSIGN(auto insert,
                    connection.prepare("INSERT INTO memory_constellations"
                                       " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    for (std::size_t i = 0; i < made.size(); ++i) {
        const Constellation& one = made[i];
        const Json tags = one.tags;
        insert.reset().bind(1, std::int64_t{one.id}).bind(2, one.galaxy).bind(3, one.name);
        insert.bind(4, tags.dump()).bind(5, static_cast<std::int64_t>(one.size));
        insert.bind(6, one.cohesion).bind(7, one.stability).bind(8, one.drift);
        insert.bind(9, one.made_ns).bind(10, std::as_bytes(std::span(centres[i])));
        RESONANT_CHECK(insert.run());
    }
    return {};
}

Status write_moves(Connection& connection,
                   const std::vector<std::pair<MemoryId, std::uint16_t>>& moves) {
    RESONANT_ASSIGN(auto update,
                    connection.prepare("UPDATE memories SET constellation = ? WHERE id = ?"));
    for (const auto& [id, constellation] : moves) {
        RESONANT_CHECK(update.reset().bind(1, std::int64_t{constellation}).bind(2, sql_id(id)).run());
    }
    return moves.empty() ? Status()
                         : connection.run(
                               "UPDATE memory_state SET value = value + 1 WHERE key = 'facts'");
}

// What one pass over all members of a galaxy finds, constellation by constellation.
struct Found {
    std::vector<Former> former;
    search::Centres centres;
    std::vector<Constellation> made;
    std::vector<std::size_t> stayed;  // members that were in the same one before
    std::vector<double> cosines;      // sums
    std::vector<std::pair<MemoryId, std::uint16_t>> moves;
    WordCounts words;
};

Status place_member(const Statement& row, Found& found) {
    const auto id = static_cast<MemoryId>(row.integer(0));
    const auto before = static_cast<std::uint16_t>(row.integer(2));
    Vector vector{};
    RESONANT_CHECK(copy_vector(row.blob(1), id, vector));
    for (Former& one : found.former) {
        one.size_before += one.row.id == before ? 1 : 0;
    }
    const search::Assigned at = search::assign(vector, found.centres.centres, search::ClusterLimits().member_cosine);
    std::uint16_t after = 0;
    if (at.cluster != search::kNoCluster) {
        Constellation& one = found.made[at.cluster];
        after = one.id;
        ++one.size;
        found.cosines[at.cluster] += double{at.cosine};
        found.stayed[at.cluster] += before == after ? 1 : 0;
        const auto tags = json::parse(row.text(5));
        found.words.add(at.cluster,
                        tags ? tags->get<std::vector<std::string>>() : std::vector<std::string>(),
                        row.text(3), row.text(4));
    }
    if (before != after) {
        found.moves.emplace_back(id, after);
    }
    return {};
}

Status place_members(Connection& connection, const std::string& galaxy, const std::string& model,
                     Found& found) {
    found.stayed.resize(found.made.size());
    found.cosines.resize(found.made.size());
    for (Constellation& one : found.made) {
        one.size = 0;
    }
    RESONANT_ASSIGN(auto rows, connection.prepare(
                                   "SELECT m.id, e.vector, m.constellation, m.title,"
                                   " (SELECT substr(content, 1, 400) FROM memory_texts t"
                                   "  WHERE t.memory_id = m.id),"
                                   " (SELECT json_group_array(tag) FROM memory_tags g"
                                   "  WHERE g.memory_id = m.id)" +
                                   std::string(kMembers) + " ORDER BY m.id"));
    rows.bind(1, galaxy).bind(2, model);
    return rows.each([&](const Statement& row) { return place_member(row, found); });
}

// Names, stability, cohesion and drift, now that all members are known.
void describe(Found& found) {
    std::set<std::string> taken;
    for (std::size_t i = 0; i < found.made.size(); ++i) {
        Constellation& one = found.made[i];
        std::size_t before = 0;
        one.drift = 0;
        if (found.centres.origin[i] != search::kNoCluster) {
            const Former& former = found.former[found.centres.origin[i]];
            before = former.size_before;
            one.drift = 1 - double{search::assign(found.centres.centres[i], std::span(&former.centre, 1), -1)
                                       .cosine};
        }
        const std::size_t both = one.size + before - found.stayed[i];
        one.stability =
            both == 0 ? 0 : static_cast<double>(found.stayed[i]) / static_cast<double>(both);
        one.cohesion = one.size == 0 ? 0 : found.cosines[i] / static_cast<double>(one.size);
        one.tags = found.words.telling(i, kTagsShown);
        const bool keeps_name =
            !one.name.empty() && one.stability >= kNameStays && !taken.contains(one.name);
        if (keeps_name) {
            taken.insert(one.name);
        } else {
            one.name = name_from(one.tags, taken);
        }
    }
}

}  // namespace

Status Constellations::refresh_galaxy(Connection& connection, const std::string& galaxy,
                                      const std::string& model, bool dry_run, Report& report) {
    Found found;
    RESONANT_ASSIGN(found.former, former_of(connection, galaxy));
    RESONANT_ASSIGN(const std::vector<Vector> vectors, sampled(connection, galaxy, model));
    std::vector<Vector> starts;
    for (const Former& one : found.former) {
        starts.push_back(one.centre);
    }
    found.centres = search::find_centres(vectors, starts, search::ClusterLimits());
    RESONANT_CHECK(give_ids(connection, found.centres, found.former, galaxy, clock_.wall().count,
                            found.made));
    RESONANT_CHECK(place_members(connection, galaxy, model, found));
    describe(found);
    const auto lasted = static_cast<std::size_t>(
        std::count_if(found.centres.origin.begin(), found.centres.origin.end(),
                      [](std::size_t from) { return from != search::kNoCluster; }));
    report.found += found.made.size();
    report.vanished += found.former.size() - lasted;
    report.moved += found.moves.size();
    if (dry_run) {
        return {};
    }
    RESONANT_CHECK(write_rows(connection, galaxy, found.made, found.centres.centres));
    return write_moves(connection, found.moves);
}

Result<Constellations::Report> Constellations::refresh(const std::string& model, bool dry_run) {
    Report report;
    const auto work = [&](Connection& connection) -> Status {
        RESONANT_ASSIGN(const auto names, galaxies_of(connection));
        for (const std::string& galaxy : names) {
            RESONANT_CHECK(refresh_galaxy(connection, galaxy, model, dry_run, report));
        }
        // A memory that was hidden or made private meanwhile belongs to none.
        return dry_run ? Status()
                       : connection.run("UPDATE memories SET constellation = 0 WHERE constellation != 0"
                                        " AND (is_private = 1 OR is_archived = 1)");
    };
    RESONANT_CHECK(dry_run ? database_.read(work) : database_.write(work));
    return report;
}

Result<std::vector<Constellation>> Constellations::list(const std::string& galaxy,
                                                        std::size_t limit) {
    std::vector<Constellation> found;
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto rows, connection.prepare(std::string(kColumns) +
                                                      " FROM memory_constellations"
                                                      " WHERE ?1 = '' OR galaxy = ?1"
                                                      " ORDER BY size DESC, id LIMIT ?2"));
        rows.bind(1, galaxy).bind(2, static_cast<std::int64_t>(limit));
        return rows.each([&](const Statement& row) -> Status {
            found.push_back(row_of(row));
            return {};
        });
    });
    RESONANT_CHECK(done);
    return found;
}

}  // namespace resonant::memory
