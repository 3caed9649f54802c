#include "resonant/society/sessions.h"

#include <fmt/core.h>

#include <charconv>

namespace resonant::society {
namespace {

constexpr auto kTables = R"sql(
CREATE TABLE IF NOT EXISTS sessions(
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, goals TEXT NOT NULL, tags TEXT NOT NULL,
    tier TEXT NOT NULL, status TEXT NOT NULL, principal TEXT NOT NULL, summary TEXT NOT NULL DEFAULT '',
    memory INTEGER NOT NULL DEFAULT 0, created_ns INTEGER NOT NULL, updated_ns INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS sessions_by_principal ON sessions(principal, status, id);
CREATE TABLE IF NOT EXISTS checkpoints(
    id INTEGER PRIMARY KEY AUTOINCREMENT, session INTEGER NOT NULL, name TEXT NOT NULL, note TEXT NOT NULL,
    state TEXT NOT NULL, at_ns INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS checkpoints_by_session ON checkpoints(session, id);
CREATE TABLE IF NOT EXISTS session_memories(
    session INTEGER NOT NULL, memory INTEGER NOT NULL, PRIMARY KEY(session, memory)) WITHOUT ROWID;
)sql";

constexpr auto kColumns =
    "id, name, goals, tags, tier, status, principal, summary, memory, created_ns, updated_ns";

// Rows are ours, yet a damaged one must not throw: what is no list reads as empty.
std::vector<std::string> words_of(const std::string& text) {
    const Json list = Json::parse(text, nullptr, false);
    std::vector<std::string> words;
    for (const Json& word : list.is_array() ? list : Json::array()) {
        words.push_back(word.is_string() ? word.get<std::string>() : word.dump());
    }
    return words;
}

Session session_of(const sql::Statement& row) {
    Session session;
    session.id = row.integer(0);
    session.name = row.text(1);
    session.goals = words_of(row.text(2));
    session.tags = words_of(row.text(3));
    session.tier = row.text(4);
    session.status = row.text(5);
    session.principal = row.text(6);
    session.summary = row.text(7);
    session.memory = static_cast<std::uint64_t>(row.integer(8));
    session.created_ns = row.integer(9);
    session.updated_ns = row.integer(10);
    return session;
}

}  // namespace

std::string wire_id(char kind, std::int64_t id) { return fmt::format("{}{}", kind, id); }

std::optional<std::int64_t> parse_id(char kind, std::string_view text) {
    if (text.size() < 2 || text[0] != kind || text[1] < '1' || text[1] > '9') {
        return std::nullopt;
    }
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), id);
    if (error != std::errc() || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return id;
}

Result<std::unique_ptr<Sessions>> Sessions::open(sql::Database& database, Clock& clock) {
    RESONANT_CHECK(
        database.write([](sql::Connection& connection) { return connection.run(kTables); }));
    return std::unique_ptr<Sessions>(new Sessions(database, clock));
}

Result<Session> Sessions::start(const Session& session) {
    Session stored = session;
    stored.status = "open";
    stored.created_ns = stored.updated_ns = clock_.wall().count;
    const Status done = database_.write([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(auto insert,
                        connection.prepare("INSERT INTO sessions(name, goals, tags, tier, status, "
                                           "principal, created_ns, updated_ns)"
                                           " VALUES(?, ?, ?, ?, 'open', ?, ?, ?)"));
        insert.bind(1, stored.name)
            .bind(2, json::dump(stored.goals))
            .bind(3, json::dump(stored.tags));
        insert.bind(4, stored.tier).bind(5, stored.principal);
        insert.bind(6, stored.created_ns).bind(7, stored.updated_ns);
        RESONANT_CHECK(insert.run());
        stored.id = connection.last_insert_id();
        return {};
    });
    RESONANT_CHECK(done);
    return stored;
}

Result<Session> Sessions::find(std::int64_t id, const std::string& principal) {
    std::optional<Session> found;
    const Status done = database_.read([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(auto query,
                        connection.prepare(std::string("SELECT ") + kColumns +
                                           " FROM sessions WHERE id = ? AND principal = ?"));
        query.bind(1, id).bind(2, principal);
        RESONANT_ASSIGN(const bool row, query.step());
        if (row) {
            found = session_of(query);
        }
        return {};
    });
    RESONANT_CHECK(done);
    if (!found) {
        return fail(Code::NotFound,
                    fmt::format("session {} is unknown or not yours; session.list shows yours, "
                                "handoff.accept takes one over",
                                wire_id('s', id)));
    }
    return *found;
}

Result<std::vector<Session>> Sessions::list(const std::string& status, std::size_t limit,
                                            std::int64_t before, const std::string& principal) {
    std::vector<Session> sessions;
    const Status done = database_.read([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(
            auto query,
            connection.prepare(std::string("SELECT ") + kColumns +
                               " FROM sessions WHERE principal = ?1 AND (?2 = 'all' OR status = ?2)"
                               " AND (?3 = 0 OR id < ?3) ORDER BY id DESC LIMIT ?4"));
        query.bind(1, principal)
            .bind(2, status)
            .bind(3, before)
            .bind(4, static_cast<std::int64_t>(limit));
        for (;;) {
            RESONANT_ASSIGN(const bool row, query.step());
            if (!row) {
                return {};
            }
            sessions.push_back(session_of(query));
        }
    });
    RESONANT_CHECK(done);
    return sessions;
}

Result<Session> Sessions::resume(std::int64_t id, const std::string& principal) {
    RESONANT_CHECK(find(id, principal));
    const Status done = database_.write([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(
            auto update,
            connection.prepare("UPDATE sessions SET status = 'open', updated_ns = ? WHERE id = ?"));
        return update.bind(1, clock_.wall().count).bind(2, id).run();
    });
    RESONANT_CHECK(done);
    return find(id, principal);
}

Status Sessions::end(std::int64_t id, const std::string& summary, std::uint64_t memory,
                     const std::string& principal) {
    RESONANT_ASSIGN(const Session session, find(id, principal));
    if (session.status == "ended") {
        return fail(Code::Conflict,
                    fmt::format("session {} ended already; session.resume opens it again",
                                wire_id('s', id)));
    }
    return database_.write([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(auto update,
                        connection.prepare("UPDATE sessions SET status = 'ended', summary = ?, "
                                           "memory = ?, updated_ns = ? WHERE id = ?"));
        update.bind(1, summary)
            .bind(2, static_cast<std::int64_t>(memory))
            .bind(3, clock_.wall().count);
        return update.bind(4, id).run();
    });
}

Status Sessions::hand_over(std::int64_t id, const std::string& principal) {
    return database_.write([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(
            auto update,
            connection.prepare("UPDATE sessions SET principal = ?, updated_ns = ? WHERE id = ?"));
        RESONANT_CHECK(update.bind(1, principal).bind(2, clock_.wall().count).bind(3, id).run());
        if (connection.changes() == 0) {
            return fail(Code::NotFound, fmt::format("session {} is unknown", wire_id('s', id)));
        }
        return {};
    });
}

Result<Checkpoint> Sessions::checkpoint(std::int64_t id, const std::string& name,
                                        const std::string& note, const Json& state,
                                        const std::string& principal) {
    RESONANT_ASSIGN(const Session session, find(id, principal));
    if (session.status == "ended") {
        return fail(
            Code::Conflict,
            fmt::format("session {} has ended; session.resume opens it again", wire_id('s', id)));
    }
    Checkpoint stored{0, name, note, state, clock_.wall().count};
    const Status done = database_.write([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(auto insert,
                        connection.prepare("INSERT INTO checkpoints(session, name, note, state, "
                                           "at_ns) VALUES(?, ?, ?, ?, ?)"));
        insert.bind(1, id)
            .bind(2, name)
            .bind(3, note)
            .bind(4, json::dump(state))
            .bind(5, stored.at_ns);
        RESONANT_CHECK(insert.run());
        stored.id = connection.last_insert_id();
        RESONANT_ASSIGN(auto touch,
                        connection.prepare("UPDATE sessions SET updated_ns = ? WHERE id = ?"));
        return touch.bind(1, stored.at_ns).bind(2, id).run();
    });
    RESONANT_CHECK(done);
    return stored;
}

Result<std::vector<Checkpoint>> Sessions::checkpoints(std::int64_t id, std::size_t limit,
                                                      const std::string& principal) {
    RESONANT_CHECK(find(id, principal));
    std::vector<Checkpoint> found;
    const Status done = database_.read([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(auto query,
                        connection.prepare("SELECT id, name, note, state, at_ns FROM checkpoints "
                                           "WHERE session = ? ORDER BY id DESC LIMIT ?"));
        query.bind(1, id).bind(2, static_cast<std::int64_t>(limit));
        for (;;) {
            RESONANT_ASSIGN(const bool row, query.step());
            if (!row) {
                return {};
            }
            found.push_back({query.integer(0), query.text(1), query.text(2),
                             Json::parse(query.text(3), nullptr, false), query.integer(4)});
        }
    });
    RESONANT_CHECK(done);
    return found;
}

void Sessions::set_current(std::uint64_t connection, std::int64_t id) {
    const std::lock_guard lock(mutex_);
    if (connection == 0 || id == 0) {
        current_.erase(connection);
        return;
    }
    current_[connection] = id;
    if (current_.size() > kConnectionsMax) {
        current_.erase(current_.begin());  // connections count up, so the first is the oldest
    }
}

std::int64_t Sessions::current(std::uint64_t connection) const {
    const std::lock_guard lock(mutex_);
    const auto found = current_.find(connection);
    return found == current_.end() ? 0 : found->second;
}

Status Sessions::remember(std::int64_t id, std::uint64_t memory, const std::string& principal) {
    RESONANT_CHECK(find(id, principal));
    return database_.write([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(
            auto insert,
            connection.prepare(
                "INSERT OR IGNORE INTO session_memories(session, memory) VALUES(?, ?)"));
        return insert.bind(1, id).bind(2, static_cast<std::int64_t>(memory)).run();
    });
}

Result<std::vector<std::uint64_t>> Sessions::memories(std::int64_t id, std::size_t limit,
                                                      const std::string& principal) {
    RESONANT_CHECK(find(id, principal));
    std::vector<std::uint64_t> found;
    const Status done = database_.read([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(auto query, connection.prepare("SELECT memory FROM session_memories WHERE "
                                                       "session = ? ORDER BY memory DESC LIMIT ?"));
        query.bind(1, id).bind(2, static_cast<std::int64_t>(limit));
        for (;;) {
            RESONANT_ASSIGN(const bool row, query.step());
            if (!row) {
                return {};
            }
            found.push_back(static_cast<std::uint64_t>(query.integer(0)));
        }
    });
    RESONANT_CHECK(done);
    return found;
}

}  // namespace resonant::society
