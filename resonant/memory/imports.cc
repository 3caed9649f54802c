#include "resonant/memory/imports.h"

#include "resonant/memory/digest.h"
#include "resonant/memory/rows.h"

namespace resonant::memory {

using sql::Connection;

Status Imports::create_table(Connection& connection) {
    return connection.run(
        "CREATE TABLE IF NOT EXISTS memory_imports(job TEXT PRIMARY KEY, done INT NOT NULL,"
        " at_ns INT NOT NULL);"
        "CREATE TABLE IF NOT EXISTS memory_import_keys(job TEXT NOT NULL, key TEXT NOT NULL,"
        " memory_id INT NOT NULL, UNIQUE(job, key));"
        "CREATE TABLE IF NOT EXISTS memory_import_ties(id INTEGER PRIMARY KEY, job TEXT NOT NULL,"
        " source INT NOT NULL, key TEXT NOT NULL, type TEXT NOT NULL, weight REAL NOT NULL)");
}

Result<std::size_t> Imports::done(const std::string& job) {
    std::size_t count = 0;
    const Status read = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row, connection.prepare("SELECT done FROM memory_imports WHERE job = ?"));
        RESONANT_ASSIGN(const bool is_there, row.bind(1, job).step());
        count = is_there ? static_cast<std::size_t>(row.integer(0)) : 0;
        return {};
    });
    RESONANT_CHECK(read);
    return count;
}

Status Imports::advance(const std::string& job, std::size_t done) {
    return database_.write([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row,
                        connection.prepare("INSERT INTO memory_imports VALUES(?, ?, ?)"
                                           " ON CONFLICT DO UPDATE SET done = excluded.done,"
                                           " at_ns = excluded.at_ns"));
        row.bind(1, job).bind(2, static_cast<std::int64_t>(done));
        return row.bind(3, clock_.wall().count).run();
    });
}

Status Imports::keep_key(const std::string& job, const std::string& key, MemoryId id) {
    return database_.write([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row, connection.prepare(
                                      "INSERT INTO memory_import_keys VALUES(?, ?, ?)"
                                      " ON CONFLICT DO UPDATE SET memory_id = excluded.memory_id"));
        return row.bind(1, job).bind(2, key).bind(3, sql_id(id)).run();
    });
}

Result<std::optional<MemoryId>> Imports::find_key(const std::string& job, const std::string& key) {
    std::optional<MemoryId> found;
    const Status read = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row, connection.prepare("SELECT memory_id FROM memory_import_keys"
                                                     " WHERE job = ? AND key = ?"));
        RESONANT_ASSIGN(const bool is_there, row.bind(1, job).bind(2, key).step());
        if (is_there) {
            found = static_cast<MemoryId>(row.integer(0));
        }
        return {};
    });
    RESONANT_CHECK(read);
    return found;
}

Result<std::optional<MemoryId>> Imports::find_twin(const Memory& memory, const std::string& tag,
                                                   const std::string& viewer) {
    Digest digest;
    digest.add(memory.content);
    const Sha256 hash = digest.finish();
    std::optional<MemoryId> found;
    const Status read = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row, connection.prepare("SELECT m.id FROM memories m JOIN memory_tags t ON t.memory_id = m.id"
                                                     " WHERE m.hash = ? AND m.galaxy = ? AND t.tag = ?"
                                                     " AND (m.is_private = 0 OR m.owner = ?) ORDER BY m.id LIMIT 1"));
        row.bind(1, std::span<const std::byte>(hash)).bind(2, memory.galaxy).bind(3, tag);
        RESONANT_ASSIGN(const bool is_there, row.bind(4, viewer).step());
        if (is_there) {
            found = static_cast<MemoryId>(row.integer(0));
        }
        return {};
    });
    RESONANT_CHECK(read);
    return found;
}

Status Imports::keep_tie(const std::string& job, const Tie& tie) {
    return database_.write([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row, connection.prepare("INSERT INTO memory_import_ties(job, source, key, type, weight)"
                                                     " VALUES(?, ?, ?, ?, ?)"));
        row.bind(1, job).bind(2, sql_id(tie.from)).bind(3, tie.to).bind(4, tie.type).bind(5, tie.weight);
        return row.run();
    });
}

Result<std::vector<Imports::Tie>> Imports::ties(const std::string& job, std::int64_t row, std::size_t limit) {
    std::vector<Tie> found;
    const Status read = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto rows, connection.prepare("SELECT id, source, key, type, weight FROM memory_import_ties"
                                                      " WHERE id > ? AND job = ? ORDER BY id LIMIT ?"));
        rows.bind(1, row).bind(2, job).bind(3, static_cast<std::int64_t>(limit));
        return rows.each([&](const sql::Statement& each) -> Status {
            found.push_back({each.integer(0), static_cast<MemoryId>(each.integer(1)), each.text(2), each.text(3),
                             each.real(4)});
            return {};
        });
    });
    RESONANT_CHECK(read);
    return found;
}

Status Imports::drop_ties(const std::string& job, std::int64_t up_to_row) {
    return database_.write([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row, connection.prepare("DELETE FROM memory_import_ties WHERE id <= ? AND job = ?"));
        return row.bind(1, up_to_row).bind(2, job).run();
    });
}

Status Imports::finish(const std::string& job) {
    constexpr std::int64_t kAtOnce = 10'000;  // rows of one transaction, so that others come between
    for (std::int64_t gone = kAtOnce; gone == kAtOnce;) {
        RESONANT_CHECK(database_.write([&](Connection& connection) -> Status {
            RESONANT_ASSIGN(auto keys, connection.prepare("DELETE FROM memory_import_keys WHERE rowid IN"
                                                          " (SELECT rowid FROM memory_import_keys WHERE job = ?"
                                                          " LIMIT ?)"));
            RESONANT_CHECK(keys.bind(1, job).bind(2, kAtOnce).run());
            gone = connection.changes();
            return {};
        }));
    }
    return database_.write([&](Connection& connection) -> Status {
        for (const char* query : {"DELETE FROM memory_import_ties WHERE job = ?",
                                  "DELETE FROM memory_imports WHERE job = ?"}) {
            RESONANT_ASSIGN(auto row, connection.prepare(query));
            RESONANT_CHECK(row.bind(1, job).run());
        }
        return {};
    });
}

}  // namespace resonant::memory
