#include "resonant/govern/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <utility>

#include "resonant/base/fault.h"
#include "resonant/base/log.h"
#include "resonant/govern/ledger_check.h"
#include "resonant/govern/ledger_head.h"
#include "resonant/govern/ledger_reads.h"
#include "resonant/govern/ledger_trace.h"
#include "resonant/govern/pipeline.h"

namespace resonant::govern {
namespace {

constexpr std::size_t kMismatchesMax = 1'000;  // of reads, between two flushes
constexpr std::size_t kNamesShownMax = 50;     // agents and tools told by name in an entry of reads

constexpr const char* kTables =
    "CREATE TABLE IF NOT EXISTS ledger("
    " seq INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, kind TEXT NOT NULL, intent INTEGER, principal TEXT NOT NULL,"
    " role TEXT NOT NULL, session TEXT NOT NULL, tool TEXT NOT NULL, access TEXT NOT NULL, arguments_hash BLOB,"
    " decision TEXT NOT NULL, stage TEXT NOT NULL, rule TEXT NOT NULL, reason TEXT NOT NULL, stages TEXT NOT NULL,"
    " effects TEXT NOT NULL, mismatch INTEGER NOT NULL, ring_position INTEGER NOT NULL, duration_ns INTEGER NOT NULL,"
    " prev_hash BLOB NOT NULL, hash BLOB NOT NULL) STRICT;"
    "CREATE INDEX IF NOT EXISTS ledger_outcomes ON ledger(intent) WHERE intent IS NOT NULL;"
    "CREATE TABLE IF NOT EXISTS ledger_reads(entry INTEGER PRIMARY KEY, rows BLOB NOT NULL) STRICT;";

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// What all entries about a call have in common.
LedgerEntry entry_of(const call::Call& call, std::string kind, std::string decision) {
    LedgerEntry entry;
    entry.kind = std::move(kind);
    entry.principal = call.caller.principal;
    entry.role = std::string(call::name_of(call.caller.role));
    entry.session = call.session;
    entry.tool = call.contract->name;
    entry.access = std::string(call::name_of(call.contract->access));
    entry.arguments_hash = sha256(json::canonical(call.arguments));
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

Json observed(const call::Effects& effects) {
    return {{"inserted", effects.rows_inserted}, {"updated", effects.rows_updated},
            {"deleted", effects.rows_deleted},   {"processes", effects.processes},
            {"files", effects.files_written},    {"refused_write", effects.refused_write}};
}

std::string effects_of(const call::Call& call, const EffectCheck& check) {
    return json::dump({{"declared", call::name_of(call.contract->access)},
                       {"observed", observed(call.effects)},
                       {"debt", check.debt}});
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

// Puts the entry behind the head that this transaction sees.
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

// The entry for a batch of reads; its rows stand in ledger_reads.
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

Error failed_inside(const std::exception& error) {
    log().error("ledger: {}", error.what());
    return {Code::Internal, error.what()};
}

}  // namespace

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

struct Ledger::Inner {
    Inner(sql::Database& held_database, Clock& held_clock) : database(held_database), clock(held_clock) {}

    sql::Database& database;
    Clock& clock;
    std::unique_ptr<HeadFile> head_file;
    std::mutex head_mutex;
    std::uint64_t head_written = 0;

    std::atomic<bool> verified{false};
    mutable std::mutex state_mutex;
    std::string broken;  // why intents are refused; empty when they are not
    std::vector<std::uint64_t> open_at_start;  // of a kernel that stopped, not closed yet

    ReadNotes reads;
    std::mutex mismatches_mutex;
    std::vector<LedgerEntry> mismatches;

    Result<Head> put(LedgerEntry& entry);
    Status remember_head();
    Result<ChainReport> check(Nanos since);
    Status close_open_intents();
    std::string why_broken() const {
        const std::lock_guard lock(state_mutex);
        return broken;
    }
};

// Appends in the caller's transaction or one of its own.
Result<Ledger::Head> Ledger::Inner::put(LedgerEntry& entry) {
    Head head;
    const bool joined = database.writing();
    try {
        RESONANT_CHECK(database.keep_books([&](sql::Connection& connection) -> Status {
            RESONANT_ASSIGN(head, append(connection, clock, entry));
            return {};
        }));
    } catch (const std::exception& error) {
        return std::unexpected(failed_inside(error));
    }
    if (!joined) {
        // The entry is durable; a head file that lags is mended by the next flush.
        if (const Status remembered = remember_head(); !remembered) {
            log().warn("ledger: {}", remembered.error().message);
        }
    }
    return head;
}

Status Ledger::Inner::remember_head() {
    Head head;
    const std::lock_guard lock(head_mutex);
    RESONANT_CHECK(database.read([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(head, head_in(connection));
        return {};
    }));
    if (!why_broken().empty() || head.seq == head_written) {
        return {};  // a head file that bears witness is not overwritten
    }
    RESONANT_CHECK(head_file->write(head));
    head_written = head.seq;
    return {};
}

Result<ChainReport> Ledger::Inner::check(Nanos since) {
    // The file first: it never runs ahead of what a later look at the database sees.
    const Result<Head> remembered = [&] {
        const std::lock_guard lock(head_mutex);
        return head_file->read();
    }();
    Result<ChainReport> report = fail(Code::Internal, "verify the ledger: the check did not run");
    RESONANT_CHECK(database.read([&](sql::Connection& connection) -> Status {
        report = check_chain(connection, since, remembered);
        return {};
    }));
    if (report) {
        const std::lock_guard lock(state_mutex);
        broken = report->verification.why;
        verified.store(report->verification.ok, std::memory_order_release);
    }
    return report;
}

Status Ledger::Inner::close_open_intents() {
    const std::vector<std::uint64_t> intents = std::exchange(open_at_start, {});
    if (intents.empty()) {
        return {};
    }
    log().warn("ledger: {} intents had no outcome when the kernel stopped", intents.size());
    return database.keep_books([&](sql::Connection& connection) -> Status {
        for (const std::uint64_t intent : intents) {
            LedgerEntry entry;
            RESONANT_ASSIGN(sql::Statement row, connection.prepare("SELECT principal, tool, access FROM ledger WHERE seq=?"));
            row.bind(1, static_cast<std::int64_t>(intent));
            RESONANT_ASSIGN(const bool found, row.step());
            if (found) {
                entry.principal = row.text(0);
                entry.tool = row.text(1);
                entry.access = row.text(2);
            }
            entry.kind = "outcome";
            entry.intent = static_cast<std::int64_t>(intent);
            entry.decision = "unknown";
            entry.reason = "unknown: the kernel stopped";
            RESONANT_CHECK(append(connection, clock, entry));
        }
        return {};
    });
}

Ledger::Ledger(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
Ledger::~Ledger() = default;

Result<std::unique_ptr<Ledger>> Ledger::open(sql::Database& database, Clock& clock) {
    auto inner = std::make_unique<Inner>(database, clock);
    RESONANT_CHECK(database.write([](sql::Connection& connection) { return connection.run(kTables); }));
    database.set_bookkeeping(tables());
    Head head;
    RESONANT_CHECK(database.read([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(head, head_in(connection));
        return {};
    }));
    const std::filesystem::path file = database.file().parent_path() / "ledger.head";
    RESONANT_ASSIGN(inner->head_file, HeadFile::open(file, head.seq == 0 && !std::filesystem::exists(file)));
    RESONANT_ASSIGN(const ChainReport report, inner->check({}));
    inner->open_at_start = report.open_intents;
    if (report.verification.ok) {
        RESONANT_CHECK(inner->close_open_intents());
        RESONANT_CHECK(inner->remember_head());
    } else {
        log().error("ledger: the chain is broken: {}; reads go on, writes wait for the owner", report.verification.why);
    }
    return std::unique_ptr<Ledger>(new Ledger(std::move(inner)));
}

Result<std::uint64_t> Ledger::intent(const call::Call& call, std::span<const Passage> passages) {
    try {
        RESONANT_FAULT_POINT("govern.ledger");
        if (const std::string why = inner_->why_broken(); !why.empty()) {
            return fail(Code::DataLoss, fmt::format("the ledger is not whole: {}", why));
        }
        LedgerEntry entry = entry_of(call, "intent", "allow");
        entry.stages = stages_of(passages);
        RESONANT_ASSIGN(const Head head, inner_->put(entry));
        return head.seq;
    } catch (const std::exception& error) {
        return std::unexpected(failed_inside(error));
    }
}

Result<EffectCheck> Ledger::outcome(std::uint64_t intent, const call::Call& call, const Outcome& outcome) {
    try {
        RESONANT_FAULT_POINT("govern.ledger_outcome");
        const EffectCheck check = check_effects(call.contract->access, call.effects);
        LedgerEntry entry = entry_of(call, "outcome", outcome.ok ? "ok" : "failed");
        entry.intent = static_cast<std::int64_t>(intent);
        entry.reason = check.mismatch ? check.reason : outcome.code;
        entry.effects = effects_of(call, check);
        entry.mismatch = check.mismatch ? 1 : 0;
        entry.ring_position = outcome.ring_position;
        entry.duration_ns = outcome.duration.count;
        RESONANT_CHECK(inner_->put(entry));
        return check;
    } catch (const std::exception& error) {
        return std::unexpected(failed_inside(error));
    }
}

Status Ledger::denied(const call::Call& call, const call::Denial& denial, std::span<const Passage> passages) {
    LedgerEntry entry = entry_of(call, "denial", "deny");
    entry.stage = denial.stage;
    entry.rule = denial.rule;
    entry.reason = fmt::format("{}: {}", denial.code, denial.reason);
    entry.stages = stages_of(passages);
    RESONANT_CHECK(inner_->put(entry));
    return {};
}

Status Ledger::event(std::string_view name, std::string_view principal, const Json& detail) {
    LedgerEntry entry;
    entry.kind = "event";
    entry.tool = name;
    entry.principal = principal;
    entry.effects = json::dump(detail);
    RESONANT_CHECK(inner_->put(entry));
    return {};
}

call::Denial Ledger::denial_of(const Error& error) {
    if (error.code == Code::Internal) {
        return stage_failed(kLedger, error.message);
    }
    const bool broken = error.code == Code::DataLoss;
    const bool full = error.code == Code::ResourceExhausted;
    return {.code = broken ? "ledger_broken" : full ? "disk_full" : "ledger_unavailable",
            .stage = std::string(kLedger),
            .rule = "nothing is done without an entry",
            .reason = fmt::format("the ledger cannot take the intent, so nothing was run: {}", error.message),
            .way_out = broken ? "reading still works; the owner looks with `resonant ledger verify` and takes note of "
                                "the break, the kernel stopped, with `resonant ledger acknowledge`"
                       : full ? "reading still works; free some disk space"
                              : "reading still works; try again, then see the kernel's log",
            .retry_after_s = {}};
}

EffectCheck Ledger::note_read(const call::Call& call, bool ok, Nanos duration) {
    const EffectCheck check = check_effects(call.contract->access, call.effects);
    inner_->reads.add(call, sha256(json::canonical(call.arguments)), ok && !check.mismatch, duration);
    if (check.mismatch) {
        LedgerEntry entry = entry_of(call, "outcome", "failed");
        entry.reason = check.reason;
        entry.effects = effects_of(call, check);
        entry.mismatch = 1;
        entry.duration_ns = duration.count;
        const std::lock_guard lock(inner_->mismatches_mutex);
        if (inner_->mismatches.size() < kMismatchesMax) {
            inner_->mismatches.push_back(std::move(entry));
        }
    }
    return check;
}

Status Ledger::flush_reads() {
    std::vector<ReadRow> rows = inner_->reads.take();
    std::vector<LedgerEntry> mismatches;
    {
        const std::lock_guard lock(inner_->mismatches_mutex);
        mismatches.swap(inner_->mismatches);
    }
    if (rows.empty() && mismatches.empty()) {
        return inner_->remember_head();
    }
    std::vector<Hash> leaves;
    const std::string blob = pack(rows, leaves);
    const Status written = inner_->database.keep_books([&](sql::Connection& connection) -> Status {
        for (LedgerEntry& entry : mismatches) {
            RESONANT_CHECK(append(connection, inner_->clock, entry));
        }
        LedgerEntry entry = entry_of_reads(rows, leaves);
        RESONANT_ASSIGN(const Head head, append(connection, inner_->clock, entry));
        RESONANT_ASSIGN(sql::Statement insert, connection.prepare("INSERT INTO ledger_reads VALUES (?,?)"));
        insert.bind(1, static_cast<std::int64_t>(head.seq)).bind(2, bytes_of(blob));
        return insert.run();
    });
    if (!written) {
        inner_->reads.give_back(std::move(rows));
        const std::lock_guard lock(inner_->mismatches_mutex);
        inner_->mismatches.insert(inner_->mismatches.begin(), mismatches.begin(), mismatches.end());
        return written;
    }
    return inner_->remember_head();
}

Result<Verification> Ledger::check(sql::Database& database, Nanos since) {
    const std::filesystem::path file = database.file().parent_path() / "ledger.head";
    Result<Head> remembered = fail(Code::NotFound, "ledger.head is missing");
    if (Result<std::unique_ptr<HeadFile>> opened = HeadFile::open(file, false)) {
        remembered = (*opened)->read();
    } else {
        remembered = std::unexpected(opened.error());
    }
    Verification verification;
    RESONANT_CHECK(database.read([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(ChainReport report, check_chain(connection, since, remembered));
        verification = std::move(report.verification);
        return {};
    }));
    return verification;
}

Verification Ledger::verify(Nanos since) {
    Result<ChainReport> report = inner_->check(since);
    if (!report) {
        Verification failed;
        failed.ok = false;
        failed.why = report.error().message;
        return failed;
    }
    return report->verification;
}

bool Ledger::verified() const { return inner_->verified.load(std::memory_order_acquire); }

Status Ledger::acknowledge(std::string_view principal, std::string_view reason) {
    RESONANT_ASSIGN(const ChainReport report, inner_->check({}));
    if (report.verification.ok) {
        return fail(Code::Conflict, "acknowledge: the ledger is whole, there is nothing to take note of");
    }
    LedgerEntry entry;
    entry.kind = "event";
    entry.tool = kAcknowledge;
    entry.principal = principal;
    entry.reason = reason;
    entry.effects = json::dump({{"breaks", report.breaks}, {"digest", hex(report.digest)},
                                {"first", report.verification.first_break}, {"why", report.verification.why}});
    Head head;
    RESONANT_CHECK(inner_->database.keep_books([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(head, append(connection, inner_->clock, entry));
        return {};
    }));
    {
        const std::lock_guard lock(inner_->head_mutex);
        RESONANT_CHECK(inner_->head_file->write(head));
        inner_->head_written = head.seq;
    }
    RESONANT_ASSIGN(const ChainReport after, inner_->check({}));
    if (!after.verification.ok) {
        return fail(Code::DataLoss, fmt::format("acknowledge: the ledger is still not whole: {}; somebody changes it now",
                                                after.verification.why));
    }
    return inner_->close_open_intents();
}

Result<Json> Ledger::trace(const TraceFilter& filter) {
    Result<Json> found = fail(Code::Internal, "trace: the query did not run");
    RESONANT_CHECK(inner_->database.read([&](sql::Connection& connection) -> Status {
        found = trace_entries(connection, filter);
        return {};
    }));
    return found;
}

Result<Json> Ledger::report(std::string_view agent, std::size_t limit) {
    Result<Json> found = fail(Code::Internal, "report: the query did not run");
    RESONANT_CHECK(inner_->database.read([&](sql::Connection& connection) -> Status {
        found = report_agents(connection, agent, limit);
        return {};
    }));
    return found;
}

Result<Ledger::Head> Ledger::head() {
    Head head;
    RESONANT_CHECK(inner_->database.read([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(head, head_in(connection));
        return {};
    }));
    return head;
}

}  // namespace resonant::govern
