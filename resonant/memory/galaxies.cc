#include "resonant/memory/galaxies.h"

#include <fmt/core.h>

#include <algorithm>

#include "resonant/json/json.h"

namespace resonant::memory {
namespace {

using sql::Connection;
using sql::Statement;

constexpr std::size_t kDescriptionMax = 2'000;
constexpr std::size_t kGalaxiesMax = 1'000;

Status check_name(const std::string& name) {
    const auto is_legal = [](char letter) {
        return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '.' ||
               letter == '_' || letter == '-';
    };
    if (!name.empty() && name.size() <= kGalaxyNameMax &&
        std::all_of(name.begin(), name.end(), is_legal)) {
        return {};
    }
    return fail(Code::InvalidArgument,
                fmt::format("galaxy '{}': a name has 1 to {} of a-z A-Z 0-9 . _ -",
                            name.substr(0, kGalaxyNameMax), kGalaxyNameMax));
}

Result<std::optional<Galaxy>> find(Connection& connection, const std::string& name) {
    RESONANT_ASSIGN(auto row, connection.prepare(
                                  "SELECT retired_ns FROM memory_galaxies WHERE name = ?1"));
    RESONANT_ASSIGN(const bool is_there, row.bind(1, name).step());
    if (is_there) {
        Galaxy galaxy;
        galaxy.name = name;
        galaxy.retired_ns = row.integer(0);
        return galaxy;
    }
    RESONANT_ASSIGN(auto used,
                    connection.prepare("SELECT 1 FROM memories WHERE galaxy = ? LIMIT 1"));
    RESONANT_ASSIGN(const bool is_used, used.bind(1, name).step());
    if (!is_used && name != kDefaultGalaxy) {
        return std::nullopt;
    }
    Galaxy galaxy;
    galaxy.name = name;
    return galaxy;
}

}  // namespace

Status Galaxies::create_table(Connection& connection) {
    return connection.run(
        "CREATE TABLE IF NOT EXISTS memory_galaxies(name TEXT PRIMARY KEY, description TEXT NOT NULL,"
        " tags TEXT NOT NULL, by_whom TEXT NOT NULL, created_ns INT NOT NULL, retired_ns INT NOT NULL);"
        "CREATE TABLE IF NOT EXISTS memory_galaxy_choices(key TEXT PRIMARY KEY, name TEXT NOT NULL)");
}

Status Galaxies::create(const Galaxy& galaxy) {
    RESONANT_CHECK(check_name(galaxy.name));
    if (galaxy.description.size() > kDescriptionMax) {
        return fail(Code::InvalidArgument,
                    fmt::format("galaxy.create: the description has {} bytes, {} are allowed",
                                galaxy.description.size(), kDescriptionMax));
    }
    return database_.write([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(const auto known, find(connection, galaxy.name));
        if (known && known->retired_ns == 0) {
            return fail(Code::AlreadyExists,
                        "galaxy.create: '" + galaxy.name + "' is there; galaxy.switch uses it");
        }
        RESONANT_ASSIGN(auto count, connection.prepare("SELECT count(*) FROM memory_galaxies"));
        RESONANT_CHECK(count.step());
        if (!known && count.integer(0) >= static_cast<std::int64_t>(kGalaxiesMax)) {
            return fail(Code::ResourceExhausted,
                        fmt::format("galaxy.create: there are {} galaxies, the most there may be",
                                    count.integer(0)));
        }
        const Json tags = galaxy.tags;
        RESONANT_ASSIGN(auto row, connection.prepare(
                                      "INSERT INTO memory_galaxies VALUES(?, ?, ?, ?, ?, 0)"
                                      " ON CONFLICT DO UPDATE SET retired_ns = 0,"
                                      " description = excluded.description, tags = excluded.tags"));
        row.bind(1, galaxy.name).bind(2, galaxy.description).bind(3, tags.dump());
        return row.bind(4, galaxy.by).bind(5, clock_.wall().count).run();
    });
}

Status Galaxies::retire(const std::string& name, const std::string& by) {
    if (name == kDefaultGalaxy) {
        return fail(Code::InvalidArgument, "galaxy.retire: 'default' stays; name another");
    }
    return database_.write([&](Connection& connection) -> Status {
        RESONANT_CHECK(check_open(name));
        RESONANT_ASSIGN(auto row, connection.prepare(
                                      "INSERT INTO memory_galaxies VALUES(?1, '', '[]', ?2, ?3, ?3)"
                                      " ON CONFLICT DO UPDATE SET retired_ns = ?3"));
        RESONANT_CHECK(row.bind(1, name).bind(2, by).bind(3, clock_.wall().count).run());
        RESONANT_ASSIGN(auto choices,
                        connection.prepare("DELETE FROM memory_galaxy_choices WHERE name = ?"));
        return choices.bind(1, name).run();
    });
}

Result<std::vector<Galaxy>> Galaxies::list(const std::string& viewer) {
    std::vector<Galaxy> found;
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(
            auto rows,
            connection.prepare(
                "SELECT n.name, coalesce(g.description, ''), coalesce(g.tags, '[]'),"
                " coalesce(g.by_whom, ''), coalesce(g.created_ns, 0), coalesce(g.retired_ns, 0),"
                " (SELECT count(*) FROM memories m WHERE m.galaxy = n.name"
                "  AND (m.is_private = 0 OR m.owner = ?1))"
                " FROM (SELECT name FROM memory_galaxies UNION SELECT 'default'"
                "  UNION SELECT DISTINCT galaxy FROM memories WHERE is_private = 0 OR owner = ?1) n"
                " LEFT JOIN memory_galaxies g ON g.name = n.name ORDER BY n.name"));
        return rows.bind(1, viewer).each([&](const Statement& row) -> Status {
            Galaxy one;
            one.name = row.text(0);
            one.description = row.text(1);
            if (const auto tags = json::parse(row.text(2)); tags && tags->is_array()) {
                one.tags = tags->get<std::vector<std::string>>();
            }
            one.by = row.text(3);
            one.created_ns = row.integer(4);
            one.retired_ns = row.integer(5);
            one.memories = static_cast<std::size_t>(row.integer(6));
            found.push_back(std::move(one));
            return {};
        });
    });
    RESONANT_CHECK(done);
    return found;
}

Result<Galaxy> Galaxies::known(const std::string& name) {
    RESONANT_CHECK(check_name(name));
    std::optional<Galaxy> found;
    RESONANT_CHECK(database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(found, find(connection, name));
        return {};
    }));
    if (!found) {
        return fail(Code::NotFound, "there is no galaxy '" + name +
                                        "'; galaxy.list names them, galaxy.create makes one");
    }
    return *found;
}

Status Galaxies::check_known(const std::string& name) {
    const auto found = known(name);
    return found ? Status() : std::unexpected(found.error());
}

Status Galaxies::check_open(const std::string& name) {
    RESONANT_ASSIGN(const Galaxy found, known(name));
    if (found.retired_ns != 0) {
        return fail(Code::Conflict,
                    "galaxy '" + name + "' is retired; galaxy.create takes it into use again");
    }
    return {};
}

Status Galaxies::choose(const std::string& key, const std::string& name) {
    RESONANT_CHECK(check_open(name));
    return database_.write([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row, connection.prepare(
                                      "INSERT INTO memory_galaxy_choices VALUES(?, ?)"
                                      " ON CONFLICT DO UPDATE SET name = excluded.name"));
        return row.bind(1, key).bind(2, name).run();
    });
}

Result<std::string> Galaxies::chosen(const std::string& key) {
    std::string name = kDefaultGalaxy;
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row, connection.prepare(
                                      "SELECT name FROM memory_galaxy_choices WHERE key = ?"));
        RESONANT_ASSIGN(const bool is_there, row.bind(1, key).step());
        if (is_there) {
            name = row.text(0);
        }
        return {};
    });
    RESONANT_CHECK(done);
    return name;
}

}  // namespace resonant::memory
