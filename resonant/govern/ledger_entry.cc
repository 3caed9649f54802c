#include "resonant/govern/ledger_entry.h"

#include <fmt/core.h>

#include <algorithm>

namespace resonant::govern {
namespace {

constexpr std::size_t kNamesShownMax = 50;  // agents and tools told by name in an entry of reads

}  // namespace

const char* const kLedgerTables =
    "CREATE TABLE IF NOT EXISTS ledger("
    " seq INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, kind TEXT NOT NULL, intent INTEGER, principal TEXT NOT NULL,"
    " role TEXT NOT NULL, session TEXT NOT NULL, tool TEXT NOT NULL, access TEXT NOT NULL, arguments_hash BLOB,"
    " decision TEXT NOT NULL, stage TEXT NOT NULL, rule TEXT NOT NULL, reason TEXT NOT NULL, stages TEXT NOT NULL,"
    " effects TEXT NOT NULL, mismatch INTEGER NOT NULL, ring_position INTEGER NOT NULL, duration_ns INTEGER NOT NULL,"
    " prev_hash BLOB NOT NULL, hash BLOB NOT NULL) STRICT;"
    "CREATE INDEX IF NOT EXISTS ledger_outcomes ON ledger(intent) WHERE intent IS NOT NULL;"
    "CREATE TABLE IF NOT EXISTS ledger_reads(entry INTEGER PRIMARY KEY, rows BLOB NOT NULL) STRICT;";

EffectCheck check_effects(call::Access declared, const call::Effects& effects) {
    const std::uint32_t changed = effects.rows_inserted + effects.rows_updated + effects.rows_deleted;
    if (declared == call::Access::Read && (changed > 0 || effects.refused_write)) {
        return {true, 1.0,
                effects.refused_write ? "declared read, tried to write"
                                      : fmt::format("declared read, changed {} rows", changed)};
    }
    if (declared == call::Access::Write && effects.rows_deleted > 0) {
        return {true, 0.5, fmt::format("declared write, deleted {} rows", effects.rows_deleted)};
    }
    return {};
}

LedgerEntry entry_of(const call::Call& call, std::string kind, std::string decision, const Hash* arguments) {
    LedgerEntry entry;
    entry.kind = std::move(kind);
    entry.principal = call.caller.principal;
    entry.role = std::string(call::name_of(call.caller.role));
    entry.session = call.session;
    entry.tool = call.contract->name;
    entry.access = std::string(call::name_of(call.contract->access));
    entry.arguments_hash = arguments != nullptr ? *arguments : Ledger::hash_of_arguments(call);
    entry.decision = std::move(decision);
    return entry;
}

std::string stages_of(std::span<const Passage> passages) {
    if (passages.empty()) {
        return {};
    }
    Json list = Json::array();
    for (const Passage& passage : passages) {
        list.push_back({{"stage", passage.stage}, {"passed", passage.passed}, {"note", passage.note}});
    }
    return json::dump(list);
}

std::string effects_of(const call::Call& call, const EffectCheck& check) {
    const call::Effects& seen = call.effects;
    // Written out, since it is done for every write: the keys in their order, the debt with one digit after the point.
    return fmt::format(
        R"({{"debt":{:.1f},"declared":"{}","observed":{{"deleted":{},"files":{},"inserted":{},"processes":{},)"
        R"("refused_write":{},"updated":{}}}}})",
        check.debt, call::name_of(call.contract->access), seen.rows_deleted, seen.files_written, seen.rows_inserted,
        seen.processes, seen.refused_write, seen.rows_updated);
}

Result<Ledger::Head> head_in(sql::Connection& connection) {
    RESONANT_ASSIGN(sql::Statement row, connection.prepare("SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1"));
    RESONANT_ASSIGN(const bool any, row.step());
    Ledger::Head head;
    if (any) {
        head.seq = static_cast<std::uint64_t>(row.integer(0));
        const auto hash = row.blob(1);
        std::copy_n(hash.begin(), std::min(hash.size(), head.hash.size()), head.hash.begin());
    }
    return head;
}

Result<Ledger::Head> append(sql::Connection& connection, Clock& clock, LedgerEntry& entry) {
    RESONANT_ASSIGN(const Ledger::Head head, head_in(connection));
    entry.seq = static_cast<std::int64_t>(head.seq) + 1;
    entry.at_ns = clock.wall().count;
    entry.previous = head.hash;
    const Hash hash = hash_of(entry);
    RESONANT_ASSIGN(sql::Statement insert,
                    connection.prepare("INSERT INTO ledger VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"));
    insert.bind(1, entry.seq).bind(2, entry.at_ns).bind(3, entry.kind);
    entry.intent ? insert.bind(4, *entry.intent) : insert.bind_null(4);
    insert.bind(5, entry.principal).bind(6, entry.role).bind(7, entry.session).bind(8, entry.tool).bind(9, entry.access);
    entry.arguments_hash ? insert.bind(10, bytes_of(view_of(*entry.arguments_hash))) : insert.bind_null(10);
    insert.bind(11, entry.decision).bind(12, entry.stage).bind(13, entry.rule).bind(14, entry.reason);
    insert.bind(15, entry.stages).bind(16, entry.effects).bind(17, entry.mismatch).bind(18, entry.ring_position);
    insert.bind(19, entry.duration_ns).bind(20, bytes_of(view_of(entry.previous))).bind(21, bytes_of(view_of(hash)));
    RESONANT_CHECK(insert.run());
    return Ledger::Head{static_cast<std::uint64_t>(entry.seq), hash};
}

LedgerEntry entry_of_reads(const std::vector<ReadRow>& rows, const std::vector<Hash>& leaves) {
    std::int64_t count = 0;
    Json agents = Json::object();
    Json tools = Json::object();
    const auto tally = [](Json& names, const std::string& name, std::int64_t by) {
        const bool known = names.contains(name) || names.size() < kNamesShownMax;
        Json& number = names[known ? name : "others"];
        number = by + (number.is_null() ? 0 : number.get<std::int64_t>());
    };
    for (const ReadRow& row : rows) {
        count += row.count;
        tally(agents, row.principal, row.count);
        tally(tools, row.tool, row.count);
    }
    LedgerEntry entry;
    entry.kind = "reads";
    entry.access = "read";
    entry.decision = "allow";
    entry.effects = json::dump({{"calls", count}, {"rows", rows.size()}, {"agents", agents}, {"tools", tools},
                                {"merkle_root", hex(merkle_root(leaves))}});
    return entry;
}

}  // namespace resonant::govern
