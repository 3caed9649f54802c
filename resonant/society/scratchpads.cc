#include "resonant/society/scratchpads.h"

#include <fmt/core.h>

#include <optional>

namespace resonant::society {
namespace {

constexpr auto kTables = R"sql(
CREATE TABLE IF NOT EXISTS scratchpads(
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, session INTEGER NOT NULL,
    status TEXT NOT NULL, principal TEXT NOT NULL, updated_ns INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS scratchpads_by_principal ON scratchpads(principal, status, id);
CREATE TABLE IF NOT EXISTS scratchpad_sections(
    id INTEGER PRIMARY KEY AUTOINCREMENT, scratchpad INTEGER NOT NULL, name TEXT NOT NULL,
    content TEXT NOT NULL, UNIQUE(scratchpad, name));
)sql";

std::string wire(std::int64_t id) { return fmt::format("n{}", id); }

Scratchpad scratchpad_of(const sql::Statement& row) {
    return {row.integer(0), row.text(1), row.integer(2), row.text(3), row.integer(4), {}};
}

Result<Scratchpad> find(sql::Connection& connection, std::int64_t id,
                        const std::string& principal) {
    RESONANT_ASSIGN(auto query,
                    connection.prepare("SELECT id, name, session, status, updated_ns FROM "
                                       "scratchpads WHERE id = ? AND principal = ?"));
    query.bind(1, id).bind(2, principal);
    RESONANT_ASSIGN(const bool row, query.step());
    if (!row) {
        return fail(Code::NotFound,
                    fmt::format("scratchpad {} is unknown or not yours; scratchpad.read with no id "
                                "lists yours",
                                wire(id)));
    }
    return scratchpad_of(query);
}

Status check_open(const Scratchpad& pad) {
    if (pad.status == "open") {
        return {};
    }
    return fail(
        Code::Conflict,
        fmt::format("scratchpad {} is final; open a new one with scratchpad.create", wire(pad.id)));
}

// The text a section has now; nothing when it is not there yet.
Result<std::optional<std::string>> section_text(sql::Connection& connection, std::int64_t id,
                                                const std::string& name) {
    RESONANT_ASSIGN(
        auto query,
        connection.prepare(
            "SELECT content FROM scratchpad_sections WHERE scratchpad = ? AND name = ?"));
    query.bind(1, id).bind(2, name);
    RESONANT_ASSIGN(const bool row, query.step());
    return row ? std::optional(query.text(0)) : std::nullopt;
}

Status check_room(sql::Connection& connection, std::int64_t id) {
    RESONANT_ASSIGN(
        auto query,
        connection.prepare("SELECT count(*) FROM scratchpad_sections WHERE scratchpad = ?"));
    query.bind(1, id);
    RESONANT_CHECK(query.step());
    if (query.integer(0) >= static_cast<std::int64_t>(Scratchpads::kSectionsMax)) {
        return fail(Code::ResourceExhausted,
                    fmt::format("scratchpad {} has {} sections, the most there may be; "
                                "append to one of them",
                                wire(id), Scratchpads::kSectionsMax));
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<Scratchpads>> Scratchpads::open(sql::Database& database, Clock& clock) {
    RESONANT_CHECK(
        database.write([](sql::Connection& connection) { return connection.run(kTables); }));
    return std::unique_ptr<Scratchpads>(new Scratchpads(database, clock));
}

Result<Scratchpad> Scratchpads::create(const std::string& name, std::int64_t session,
                                       const std::string& principal) {
    Scratchpad pad{0, name, session, "open", clock_.wall().count, {}};
    const Status done = database_.write([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(auto insert,
                        connection.prepare("INSERT INTO scratchpads(name, session, status, "
                                           "principal, updated_ns) VALUES(?, ?, 'open', ?, ?)"));
        RESONANT_CHECK(
            insert.bind(1, name).bind(2, session).bind(3, principal).bind(4, pad.updated_ns).run());
        pad.id = connection.last_insert_id();
        return {};
    });
    RESONANT_CHECK(done);
    return pad;
}

Result<std::size_t> Scratchpads::write(std::int64_t id, const std::string& section,
                                       const std::string& content, bool append,
                                       const std::string& principal) {
    std::size_t bytes = 0;
    const Status done = database_.write([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(const Scratchpad pad, find(connection, id, principal));
        RESONANT_CHECK(check_open(pad));
        RESONANT_ASSIGN(const auto before, section_text(connection, id, section));
        if (!before) {
            RESONANT_CHECK(check_room(connection, id));
        }
        const std::string text =
            append && before && !before->empty() ? *before + "\n" + content : content;
        if (text.size() > kSectionBytes) {
            return fail(Code::ResourceExhausted,
                        fmt::format("section '{}' would hold {} bytes, the limit is {}; store it "
                                    "with memory.add or start another section",
                                    section, text.size(), kSectionBytes));
        }
        RESONANT_ASSIGN(
            auto put,
            connection.prepare(
                "INSERT INTO scratchpad_sections(scratchpad, name, content) VALUES(?, ?, ?)"
                " ON CONFLICT(scratchpad, name) DO UPDATE SET content = excluded.content"));
        RESONANT_CHECK(put.bind(1, id).bind(2, section).bind(3, text).run());
        RESONANT_ASSIGN(auto touch,
                        connection.prepare("UPDATE scratchpads SET updated_ns = ? WHERE id = ?"));
        bytes = text.size();
        return touch.bind(1, clock_.wall().count).bind(2, id).run();
    });
    RESONANT_CHECK(done);
    return bytes;
}

Result<Scratchpad> Scratchpads::read(std::int64_t id, const std::string& principal) {
    Scratchpad pad;
    const Status done = database_.read([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(pad, find(connection, id, principal));
        RESONANT_ASSIGN(
            auto query,
            connection.prepare(
                "SELECT name, content FROM scratchpad_sections WHERE scratchpad = ? ORDER BY id"));
        query.bind(1, id);
        for (;;) {
            RESONANT_ASSIGN(const bool row, query.step());
            if (!row) {
                return {};
            }
            pad.sections.emplace_back(query.text(0), query.text(1));
        }
    });
    RESONANT_CHECK(done);
    return pad;
}

Result<std::vector<Scratchpad>> Scratchpads::list(std::int64_t session, std::size_t limit,
                                                  const std::string& principal) {
    std::vector<Scratchpad> pads;
    const Status done = database_.read([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(auto query, connection.prepare(
                                        "SELECT id, name, session, status, updated_ns FROM "
                                        "scratchpads WHERE principal = ?1 AND status = 'open'"
                                        " AND (?2 = 0 OR session = ?2) ORDER BY id DESC LIMIT ?3"));
        query.bind(1, principal).bind(2, session).bind(3, static_cast<std::int64_t>(limit));
        for (;;) {
            RESONANT_ASSIGN(const bool row, query.step());
            if (!row) {
                return {};
            }
            pads.push_back(scratchpad_of(query));
        }
    });
    RESONANT_CHECK(done);
    return pads;
}

Status Scratchpads::finalize(std::int64_t id, const std::string& principal) {
    return database_.write([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(const Scratchpad pad, find(connection, id, principal));
        RESONANT_CHECK(check_open(pad));
        RESONANT_ASSIGN(
            auto update,
            connection.prepare(
                "UPDATE scratchpads SET status = 'final', updated_ns = ? WHERE id = ?"));
        return update.bind(1, clock_.wall().count).bind(2, id).run();
    });
}

}  // namespace resonant::society
