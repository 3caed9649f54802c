#include "resonant/govern/ledger_trace.h"

#include <algorithm>
#include <map>

#include "resonant/base/sha256.h"
#include "resonant/govern/ledger_reads.h"

namespace resonant::govern {
namespace {

// An intent comes with its outcome; reads come with their batch; an outcome alone is a read that wrote.
constexpr const char* kTrace =
    "SELECT l.seq, l.at_ns, l.kind, l.principal, l.role, l.session, l.tool, l.access, l.arguments_hash, l.decision,"
    " l.stage, l.rule, l.reason, l.stages, l.effects, l.mismatch, o.decision, o.reason, o.effects, o.mismatch,"
    " o.duration_ns, o.ring_position, o.seq, r.rows"
    " FROM ledger l LEFT JOIN ledger o ON o.intent = l.seq LEFT JOIN ledger_reads r ON r.entry = l.seq"
    " WHERE (?1 = 0 OR l.seq < ?1) AND l.at_ns >= ?2 AND l.intent IS NULL"
    " AND (?3 = '' OR l.principal = ?3 OR l.kind = 'reads') AND (?4 = '' OR l.tool = ?4 OR l.kind = 'reads')"
    " AND (?5 IN ('', 'all') OR l.decision = ?5) ORDER BY l.seq DESC LIMIT ?6";

double milliseconds(std::int64_t ns) { return static_cast<double>(ns) * 1e-6; }

// JSON that we wrote ourselves; what a tamperer made of it is shown as text.
Json written(const std::string& text) {
    if (text.empty()) {
        return nullptr;
    }
    Json value = Json::parse(text, nullptr, false);
    return value.is_discarded() ? Json(text) : value;
}

Json entry_of(const sql::Statement& row) {
    Json entry = {{"seq", row.integer(0)},     {"at_ns", row.integer(1)},  {"kind", row.text(2)},
                  {"agent", row.text(3)},      {"role", row.text(4)},      {"session", row.text(5)},
                  {"tool", row.text(6)},       {"access", row.text(7)},    {"decision", row.text(9)}};
    if (!row.is_null(8)) {
        entry["arguments_sha256"] = hex_of(row.blob(8));
    }
    for (const auto& [name, column] : {std::pair{"stage", 10}, {"rule", 11}, {"reason", 12}}) {
        if (std::string words = row.text(column); !words.empty()) {
            entry[name] = std::move(words);
        }
    }
    for (const auto& [name, column] : {std::pair{"stages", 13}, {"effects", 14}}) {
        if (Json value = written(row.text(column)); !value.is_null()) {
            entry[name] = std::move(value);
        }
    }
    if (row.integer(15) != 0) {
        entry["mismatch"] = true;
    }
    if (!row.is_null(16)) {
        entry["outcome"] = {{"seq", row.integer(22)},
                            {"decision", row.text(16)},
                            {"reason", row.text(17)},
                            {"effects", written(row.text(18))},
                            {"mismatch", row.integer(19) != 0},
                            {"duration_ms", milliseconds(row.integer(20))},
                            {"ring_position", row.integer(21)}};
    } else if (entry["kind"] == "intent") {
        entry["outcome"] = nullptr;  // still running, or the kernel stopped
    }
    return entry;
}

// A batch of reads, row by row, as far as the filter wants them.
void append_reads(const sql::Statement& row, const TraceFilter& filter, Json& entries) {
    const auto blob = row.blob(23);
    const auto rows = unpack({reinterpret_cast<const char*>(blob.data()), blob.size()}, nullptr);
    if (!rows) {
        entries.push_back({{"seq", row.integer(0)}, {"kind", "reads"}, {"reason", "the batch is damaged; see karma.verify"}});
        return;
    }
    for (const ReadRow& read : *rows) {
        if ((!filter.agent.empty() && read.principal != filter.agent) ||
            (!filter.tool.empty() && read.tool != filter.tool) || entries.size() >= filter.limit) {
            continue;
        }
        entries.push_back({{"seq", row.integer(0)},
                           {"at_ns", read.last_ns},
                           {"kind", "reads"},
                           {"agent", read.principal},
                           {"role", read.role},
                           {"session", read.session},
                           {"tool", read.tool},
                           {"access", "read"},
                           {"decision", "allow"},
                           {"calls", read.count},
                           {"ok", read.ok},
                           {"mean_ms", milliseconds(read.duration_ns / std::max<std::int64_t>(read.count, 1))}});
    }
}

}  // namespace

Result<Json> trace_entries(sql::Connection& connection, const TraceFilter& filter) {
    TraceFilter bounded = filter;
    bounded.limit = std::clamp<std::size_t>(filter.limit, 1, kTraceLimitMax);
    if (!filter.decision.empty() && filter.decision != "allow" && filter.decision != "deny" && filter.decision != "all") {
        return fail(Code::InvalidArgument,
                    "trace: decision \"" + filter.decision + "\" is not known; allow, deny and all are");
    }
    RESONANT_ASSIGN(sql::Statement rows, connection.prepare(kTrace));
    rows.bind(1, static_cast<std::int64_t>(filter.before_seq))
        .bind(2, filter.since.count)
        .bind(3, filter.agent)
        .bind(4, filter.tool)
        .bind(5, filter.decision)
        .bind(6, static_cast<std::int64_t>(bounded.limit));
    Json entries = Json::array();
    Json cursor = nullptr;
    std::size_t looked_at = 0;
    while (entries.size() < bounded.limit) {
        RESONANT_ASSIGN(const bool more, rows.step());
        if (!more) {
            break;
        }
        ++looked_at;
        cursor = rows.integer(0);
        if (rows.text(2) == "reads" && !rows.is_null(23)) {
            append_reads(rows, bounded, entries);
        } else if (rows.text(2) != "reads") {
            entries.push_back(entry_of(rows));
        }
    }
    const bool may_have_more = looked_at == bounded.limit || entries.size() >= bounded.limit;
    return Json{{"entries", std::move(entries)}, {"next_cursor", may_have_more ? cursor : Json(nullptr)}};
}

Result<Json> report_agents(sql::Connection& connection, std::string_view agent, std::size_t limit) {
    std::map<std::string, Json> agents;
    const auto of = [&](const std::string& name) -> Json& {
        Json& entry = agents[name];
        if (entry.is_null()) {
            entry = {{"agent", name}, {"reads", 0}, {"acts", 0},       {"denials", 0},
                     {"failed", 0},   {"open", 0},  {"mismatches", 0}, {"debt", 0.0}};
        }
        return entry;
    };
    RESONANT_ASSIGN(sql::Statement acts,
                    connection.prepare("SELECT principal, sum(kind='intent'), sum(kind='denial'),"
                                       " sum(kind='outcome' AND decision='failed'), sum(mismatch),"
                                       " sum(CASE WHEN mismatch=0 THEN 0 WHEN access='read' THEN 1.0 ELSE 0.5 END),"
                                       " sum(kind='intent') - sum(kind='outcome' AND intent IS NOT NULL)"
                                       " FROM ledger WHERE principal<>'' AND (?1='' OR principal=?1) GROUP BY principal"));
    acts.bind(1, agent);
    for (;;) {
        RESONANT_ASSIGN(const bool more, acts.step());
        if (!more) {
            break;
        }
        Json& entry = of(acts.text(0));
        entry["acts"] = acts.integer(1);
        entry["denials"] = acts.integer(2);
        entry["failed"] = acts.integer(3);
        entry["mismatches"] = acts.integer(4);
        entry["debt"] = acts.real(5);
        entry["open"] = acts.integer(6);
    }
    RESONANT_ASSIGN(sql::Statement reads,
                    connection.prepare("SELECT names.key, sum(names.value) FROM ledger,"
                                       " json_each(CASE WHEN json_valid(effects) THEN effects ELSE '{}' END, '$.agents') names"
                                       " WHERE kind='reads' AND (?1='' OR names.key=?1) GROUP BY names.key"));
    reads.bind(1, agent);
    for (;;) {
        RESONANT_ASSIGN(const bool more, reads.step());
        if (!more) {
            break;
        }
        of(reads.text(0))["reads"] = reads.integer(1);
    }
    std::vector<Json> sorted;
    for (auto& [name, entry] : agents) {
        sorted.push_back(std::move(entry));
    }
    std::stable_sort(sorted.begin(), sorted.end(), [](const Json& a, const Json& b) {
        return std::pair(a["debt"].get<double>(), a["denials"].get<int>()) >
               std::pair(b["debt"].get<double>(), b["denials"].get<int>());
    });
    sorted.resize(std::min(sorted.size(), std::max<std::size_t>(limit, 1)));
    return Json{{"agents", sorted}};
}

}  // namespace resonant::govern
