#include "resonant/memory/imports.h"

#include "resonant/memory/rows.h"

namespace resonant::memory {

using sql::Connection;

Status Imports::create_table(Connection& connection) {
    return connection.run(
        "CREATE TABLE IF NOT EXISTS memory_imports(job TEXT PRIMARY KEY, done INT NOT NULL,"
        " at_ns INT NOT NULL);"
        "CREATE TABLE IF NOT EXISTS memory_import_keys(job TEXT NOT NULL, key TEXT NOT NULL,"
        " memory_id INT NOT NULL, UNIQUE(job, key))");
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

Status Imports::finish(const std::string& job) {
    return database_.write([&](Connection& connection) -> Status {
        for (const char* query : {"DELETE FROM memory_imports WHERE job = ?",
                                  "DELETE FROM memory_import_keys WHERE job = ?"}) {
            RESONANT_ASSIGN(auto row, connection.prepare(query));
            RESONANT_CHECK(row.bind(1, job).run());
        }
        return {};
    });
}

}  // namespace resonant::memory
