#include "resonant/society/standings.h"

#include <fmt/core.h>

namespace resonant::society {

Result<std::unique_ptr<Standings>> Standings::open(sql::Database& database, Clock& clock) {
    RESONANT_CHECK(database.write([](sql::Connection& connection) {
        return connection.run("CREATE TABLE IF NOT EXISTS standings(principal TEXT PRIMARY KEY, reason TEXT NOT NULL, "
                              "by TEXT NOT NULL, at_ns INTEGER NOT NULL)");
    }));
    return std::unique_ptr<Standings>(new Standings(database, clock));
}

Status Standings::suspend(const std::string& principal, const std::string& reason, const std::string& by) {
    return database_.write([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(sql::Statement statement,
                        connection.prepare("INSERT INTO standings VALUES(?,?,?,?) ON CONFLICT(principal) DO UPDATE SET "
                                           "reason=excluded.reason, by=excluded.by, at_ns=excluded.at_ns"));
        statement.bind(1, std::string_view(principal)).bind(2, std::string_view(reason)).bind(3, std::string_view(by));
        return statement.bind(4, clock_.wall().count).run();
    });
}

Status Standings::lift(const std::string& principal) {
    return database_.write([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(sql::Statement statement, connection.prepare("DELETE FROM standings WHERE principal=?"));
        RESONANT_CHECK(statement.bind(1, std::string_view(principal)).run());
        if (connection.changes() == 0) {
            return fail(Code::NotFound, fmt::format("'{}' is not suspended; nothing to lift", principal));
        }
        return {};
    });
}

Result<std::map<std::string, Standing>> Standings::suspended() const {
    std::map<std::string, Standing> found;
    RESONANT_CHECK(database_.read([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(sql::Statement rows, connection.prepare("SELECT principal, reason, by, at_ns FROM standings"));
        for (;;) {
            RESONANT_ASSIGN(const bool more, rows.step());
            if (!more) {
                return {};
            }
            found[rows.text(0)] = {rows.text(1), rows.text(2), Nanos{rows.integer(3)}};
        }
    }));
    return found;
}

}  // namespace resonant::society
