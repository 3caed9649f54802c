#include "resonant/society/consents.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

namespace resonant::society {
namespace {

constexpr const char* kTables = R"(
CREATE TABLE IF NOT EXISTS consents(
    id TEXT PRIMARY KEY,
    scope TEXT NOT NULL,
    principal TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    answered_by TEXT NOT NULL DEFAULT '',
    requested_ns INTEGER NOT NULL,
    expires_ns INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS consents_by_state ON consents(state, principal);
)";

constexpr const char* kColumns = "id, scope, principal, reason, state, answered_by, requested_ns, expires_ns";
constexpr std::size_t kScopeBytesMax = 500;
constexpr std::size_t kReasonBytesMax = 2000;
constexpr std::array<std::string_view, 3> kRisks = {"safe", "caution", "dangerous"};

// How far down a class lies; nothing for "forbidden" and for no class at all.
std::optional<std::size_t> rank(std::string_view risk) {
    const auto found = std::find(kRisks.begin(), kRisks.end(), risk);
    return found == kRisks.end() ? std::nullopt : std::optional<std::size_t>(found - kRisks.begin());
}

// `*` any text, `?` one byte. Linear in the product of the lengths at worst, both bounded.
bool matches(std::string_view pattern, std::string_view text) {
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = std::string_view::npos;
    std::size_t resume = 0;
    while (t < text.size()) {
        if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t]) && pattern[p] != '*') {
            ++p;
            ++t;
        } else if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') {
        ++p;
    }
    return p == pattern.size();
}

bool is_name(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    });
}

Consent row_of(const sql::Statement& row, Nanos now) {
    Consent consent{.id = row.text(0),
                    .scope = row.text(1),
                    .principal = row.text(2),
                    .reason = row.text(3),
                    .state = row.text(4),
                    .answered_by = row.text(5),
                    .requested_at = Nanos{row.integer(6)},
                    .expires_at = Nanos{row.integer(7)}};
    if ((consent.state == "waiting" || consent.state == "granted") && consent.expires_at <= now) {
        consent.state = "expired";
    }
    return consent;
}

Status check_ttl(Nanos ttl) {
    if (ttl.count <= 0 || ttl > kConsentTtlMax) {
        return fail(Code::InvalidArgument,
                    fmt::format("consent: it would last {} s; give more than 0 and at most {} s", ttl.seconds(),
                                kConsentTtlMax.seconds()));
    }
    return {};
}

std::unexpected<Error> unknown(const std::string& id) {
    return fail(Code::NotFound, fmt::format("consent: there is no '{}'; consent.verify (resonant consent list) shows what there is", id));
}

Status insert(sql::Connection& connection, const Consent& consent) {
    RESONANT_ASSIGN(sql::Statement statement,
                    connection.prepare("INSERT INTO consents(id, scope, principal, reason, state, answered_by, "
                                       "requested_ns, expires_ns) VALUES(?,?,?,?,?,?,?,?)"));
    statement.bind(1, consent.id).bind(2, consent.scope).bind(3, consent.principal).bind(4, consent.reason);
    statement.bind(5, consent.state).bind(6, consent.answered_by).bind(7, consent.requested_at.count);
    return statement.bind(8, consent.expires_at.count).run();
}

Status store(sql::Connection& connection, const Consent& consent) {
    RESONANT_ASSIGN(sql::Statement statement,
                    connection.prepare("UPDATE consents SET scope=?, principal=?, state=?, answered_by=?, "
                                       "expires_ns=? WHERE id=?"));
    statement.bind(1, consent.scope).bind(2, consent.principal).bind(3, consent.state);
    statement.bind(4, consent.answered_by).bind(5, consent.expires_at.count).bind(6, consent.id);
    return statement.run();
}

Result<Consent> load(sql::Connection& connection, const std::string& id, Nanos now) {
    RESONANT_ASSIGN(sql::Statement statement,
                    connection.prepare(fmt::format("SELECT {} FROM consents WHERE id=?", kColumns)));
    statement.bind(1, std::string_view(id));
    RESONANT_ASSIGN(const bool found, statement.step());
    if (!found) {
        return unknown(id);
    }
    return row_of(statement, now);
}

}  // namespace

Status check_scope(std::string_view scope) {
    const auto refuse = [&](std::string_view why) {
        return fail(Code::InvalidArgument,
                    fmt::format("consent: the scope '{}' {}; write a tool (sandbox.run), a tool with a command "
                                "pattern (sandbox.run:rm *), a name space (memory.*) or class:dangerous",
                                scope.substr(0, 80), why));
    };
    if (scope.empty() || scope.size() > kScopeBytesMax) {
        return refuse(fmt::format("has {} bytes, 1 to {} are allowed", scope.size(), kScopeBytesMax));
    }
    if (scope.starts_with("class:")) {
        return rank(scope.substr(6)) ? Status{} : refuse("names no class that can be consented to");
    }
    const std::size_t colon = scope.find(':');
    std::string_view tool = scope.substr(0, colon);
    if (tool.ends_with(".*") && colon == std::string_view::npos) {
        tool.remove_suffix(2);
    }
    if (!is_name(tool) || (colon != std::string_view::npos && colon + 1 == scope.size())) {
        return refuse("names no tool");
    }
    return {};
}

bool scope_covers(std::string_view scope, std::string_view tool, std::string_view command, std::string_view risk) {
    if (risk == "forbidden" || !check_scope(scope)) {
        return false;
    }
    if (scope.starts_with("class:")) {
        const auto asked = rank(risk);
        return asked && *asked <= *rank(scope.substr(6));
    }
    if (scope.ends_with(".*") && scope.find(':') == std::string_view::npos) {
        return tool.starts_with(scope.substr(0, scope.size() - 1));
    }
    const std::size_t colon = scope.find(':');
    if (scope.substr(0, colon) != tool) {
        return false;
    }
    return colon == std::string_view::npos || matches(scope.substr(colon + 1), command);
}

Result<std::unique_ptr<Consents>> Consents::open(sql::Database& database, Clock& clock, Random& random) {
    RESONANT_CHECK(database.write([](sql::Connection& connection) { return connection.run(kTables); }));
    return std::unique_ptr<Consents>(new Consents(database, clock, random));
}

Result<Consent> Consents::request(const std::string& principal, const std::string& scope, const std::string& reason,
                                  Nanos ttl) {
    RESONANT_CHECK(check_scope(scope));
    RESONANT_CHECK(check_ttl(ttl));
    const Nanos now = clock_.wall();
    const Consent consent{.id = "consent-" + random_.hex(8),
                          .scope = scope,
                          .principal = principal,
                          .reason = reason.substr(0, kReasonBytesMax),
                          .state = "waiting",
                          .answered_by = "",
                          .requested_at = now,
                          .expires_at = now + ttl};
    RESONANT_CHECK(database_.write([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(sql::Statement count, connection.prepare("SELECT count(*) FROM consents WHERE state='waiting' "
                                                                 "AND principal=? AND expires_ns>?"));
        count.bind(1, std::string_view(principal)).bind(2, now.count);
        RESONANT_ASSIGN(const bool counted, count.step());
        if (counted && count.integer(0) >= static_cast<std::int64_t>(kConsentsWaitingMax)) {
            return fail(Code::ResourceExhausted,
                        fmt::format("consent: {} of your requests wait already, the limit is {}; wait for an answer "
                                    "or for their end",
                                    count.integer(0), kConsentsWaitingMax));
        }
        return insert(connection, consent);
    }));
    return consent;
}

Result<Consent> Consents::grant(const Grant& grant) {
    RESONANT_CHECK(check_ttl(grant.ttl));
    const Nanos now = clock_.wall();
    Consent consent;
    RESONANT_CHECK(database_.write([&](sql::Connection& connection) -> Status {
        if (!grant.request_id.empty()) {
            RESONANT_ASSIGN(consent, load(connection, grant.request_id, now));
            if (consent.state != "waiting") {
                return fail(Code::Conflict, fmt::format("consent: the request {} is {} already; ask for a new one",
                                                        consent.id, consent.state));
            }
        } else {
            consent.id = "consent-" + random_.hex(8);
            consent.requested_at = now;
            consent.reason = "granted without a request";
        }
        consent.scope = grant.scope.empty() ? consent.scope : grant.scope;
        consent.principal = grant.to.empty() ? consent.principal : grant.to;
        RESONANT_CHECK(check_scope(consent.scope));
        if (consent.principal.empty()) {
            return fail(Code::InvalidArgument, "consent: to whom? give `to`, a principal or *");
        }
        consent.state = "granted";
        consent.answered_by = grant.by;
        consent.expires_at = now + grant.ttl;
        return grant.request_id.empty() ? insert(connection, consent) : store(connection, consent);
    }));
    return consent;
}

Result<Consent> Consents::refuse(const std::string& request_id, const std::string& by, const std::string& reason) {
    Consent consent;
    RESONANT_CHECK(database_.write([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(consent, load(connection, request_id, clock_.wall()));
        if (consent.state != "waiting") {
            return fail(Code::Conflict, fmt::format("consent: the request {} is {} already", consent.id, consent.state));
        }
        consent.state = "refused";
        consent.answered_by = reason.empty() ? by : by + ": " + reason.substr(0, kReasonBytesMax);
        return store(connection, consent);
    }));
    return consent;
}

Result<Consent> Consents::revoke(const std::string& consent_id, const std::string& by) {
    Consent consent;
    RESONANT_CHECK(database_.write([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(consent, load(connection, consent_id, clock_.wall()));
        if (consent.state != "granted" && consent.state != "waiting") {
            return fail(Code::Conflict, fmt::format("consent: {} is {}; there is nothing to take back", consent.id,
                                                    consent.state));
        }
        consent.state = "revoked";
        consent.answered_by = by;
        return store(connection, consent);
    }));
    return consent;
}

Result<Consent> Consents::find(const std::string& consent_id) const {
    Consent consent;
    RESONANT_CHECK(database_.read([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(consent, load(connection, consent_id, clock_.wall()));
        return {};
    }));
    return consent;
}

Result<std::optional<std::string>> Consents::covers(std::string_view principal, std::string_view tool,
                                                    std::string_view command, std::string_view risk) const {
    std::optional<std::string> found;
    RESONANT_CHECK(database_.read([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(sql::Statement live,
                        connection.prepare("SELECT id, scope FROM consents WHERE state='granted' AND expires_ns>? "
                                           "AND (principal=? OR principal='*') ORDER BY expires_ns DESC"));
        live.bind(1, clock_.wall().count).bind(2, principal);
        for (;;) {
            RESONANT_ASSIGN(const bool more, live.step());
            if (!more) {
                return {};
            }
            if (scope_covers(live.text(1), tool, command, risk)) {
                found = live.text(0);
                return {};
            }
        }
    }));
    return found;
}

Result<std::vector<Consent>> Consents::list(const Listing& listing) const {
    std::vector<Consent> consents;
    const Nanos now = clock_.wall();
    RESONANT_CHECK(database_.read([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(sql::Statement rows,
                        connection.prepare(fmt::format(
                            "SELECT {} FROM consents WHERE (?1='' OR principal=?1 OR principal='*') AND "
                            "(?2 OR (state IN ('waiting','granted') AND expires_ns>?3)) "
                            "ORDER BY requested_ns DESC, id LIMIT ?4",
                            kColumns)));
        rows.bind(1, std::string_view(listing.principal)).bind(2, std::int64_t{listing.all ? 1 : 0});
        rows.bind(3, now.count).bind(4, static_cast<std::int64_t>(listing.limit));
        for (;;) {
            RESONANT_ASSIGN(const bool more, rows.step());
            if (!more) {
                return {};
            }
            consents.push_back(row_of(rows, now));
        }
    }));
    return consents;
}

}  // namespace resonant::society
