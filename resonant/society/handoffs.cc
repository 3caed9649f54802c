#include "resonant/society/handoffs.h"

#include <fmt/core.h>

namespace resonant::society {
namespace {

constexpr auto kTables = R"sql(
CREATE TABLE IF NOT EXISTS handoffs(
    id INTEGER PRIMARY KEY AUTOINCREMENT, session INTEGER NOT NULL, offered_by TEXT NOT NULL,
    offered_to TEXT NOT NULL, message TEXT NOT NULL, status TEXT NOT NULL, accepted_by TEXT NOT NULL DEFAULT '',
    at_ns INTEGER NOT NULL);
)sql";

Handoff handoff_of(const sql::Statement& row) {
    return {row.integer(0), row.integer(1), row.text(2), row.text(3),
            row.text(4),    row.text(5),    row.text(6), row.integer(7)};
}

}  // namespace

Result<std::unique_ptr<Handoffs>> Handoffs::open(sql::Database& database, Clock& clock,
                                                 Sessions& sessions) {
    RESONANT_CHECK(
        database.write([](sql::Connection& connection) { return connection.run(kTables); }));
    return std::unique_ptr<Handoffs>(new Handoffs(database, clock, sessions));
}

Result<Handoff> Handoffs::offer(std::int64_t session, const std::string& to,
                                const std::string& message, const std::string& principal) {
    RESONANT_CHECK(sessions_.find(session, principal));
    Handoff handoff{0, session, principal, to, message, "open", "", clock_.wall().count};
    const Status done = database_.write([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(auto insert, connection.prepare(
                                         "INSERT INTO handoffs(session, offered_by, offered_to, "
                                         "message, status, at_ns) VALUES(?, ?, ?, ?, 'open', ?)"));
        insert.bind(1, session)
            .bind(2, principal)
            .bind(3, to)
            .bind(4, message)
            .bind(5, handoff.at_ns);
        RESONANT_CHECK(insert.run());
        handoff.id = connection.last_insert_id();
        return {};
    });
    RESONANT_CHECK(done);
    return handoff;
}

Result<Handoff> Handoffs::accept(std::int64_t id, const std::string& principal) {
    Handoff handoff;
    const Status done = database_.write([&](sql::Connection& connection) -> Status {
        {
            RESONANT_ASSIGN(
                auto query,
                connection.prepare("SELECT id, session, offered_by, offered_to, message, status, "
                                   "accepted_by, at_ns FROM handoffs"
                                   " WHERE id = ?1 AND (offered_to = '' OR offered_to = ?2)"));
            query.bind(1, id).bind(2, principal);
            RESONANT_ASSIGN(const bool row, query.step());
            if (!row) {
                return fail(Code::NotFound,
                            fmt::format("handoff {} is unknown or not offered to you; handoff.list "
                                        "shows what waits",
                                        wire_id('h', id)));
            }
            handoff = handoff_of(query);
        }
        if (handoff.status != "open") {
            return fail(Code::Conflict,
                        fmt::format("handoff {} was accepted already", wire_id('h', id)));
        }
        // The one who offered may have passed the session on meanwhile; then the offer is void.
        RESONANT_CHECK(sessions_.find(handoff.session, handoff.from));
        RESONANT_ASSIGN(
            auto update,
            connection.prepare(
                "UPDATE handoffs SET status = 'accepted', accepted_by = ? WHERE id = ?"));
        RESONANT_CHECK(update.bind(1, principal).bind(2, id).run());
        handoff.status = "accepted";
        handoff.accepted_by = principal;
        return sessions_.hand_over(handoff.session, principal);
    });
    RESONANT_CHECK(done);
    return handoff;
}

Result<std::vector<Handoff>> Handoffs::list(const std::string& status, std::size_t limit,
                                            const std::string& principal) {
    std::vector<Handoff> handoffs;
    const Status done = database_.read([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(
            auto query,
            connection.prepare(
                "SELECT id, session, offered_by, offered_to, message, status, accepted_by, at_ns "
                "FROM handoffs"
                " WHERE (?1 = 'all' OR status = ?1) AND (offered_by = ?2 OR offered_to = ?2 OR "
                "accepted_by = ?2"
                " OR (offered_to = '' AND status = 'open')) ORDER BY id DESC LIMIT ?3"));
        query.bind(1, status).bind(2, principal).bind(3, static_cast<std::int64_t>(limit));
        for (;;) {
            RESONANT_ASSIGN(const bool row, query.step());
            if (!row) {
                return {};
            }
            handoffs.push_back(handoff_of(query));
        }
    });
    RESONANT_CHECK(done);
    return handoffs;
}

}  // namespace resonant::society
