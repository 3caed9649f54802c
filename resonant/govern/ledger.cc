#include "resonant/govern/ledger.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <utility>

#include "resonant/base/fault.h"
#include "resonant/base/log.h"
#include "resonant/govern/ledger_state.h"
#include "resonant/govern/ledger_trace.h"
#include "resonant/govern/pipeline.h"

namespace resonant::govern {
namespace {

constexpr std::size_t kMismatchesMax = 1'000;  // of reads, between two flushes

Error failed_inside(const std::exception& error) {
    log().error("ledger: {}", error.what());
    return {Code::Internal, error.what()};
}

}  // namespace

// As the database's; a transaction of its own is tried again with the space of the reserve when the disk is full.
Status Ledger::Inner::keep_books(const std::function<Status(sql::Connection&)>& change) {
    const Status kept = database.keep_books(change);
    const bool full = !kept && kept.error().code == Code::ResourceExhausted;
    return full && !database.writing() && reserve.spend() ? database.keep_books(change) : kept;
}

// Appends in the caller's transaction or one of its own.
Result<Ledger::Head> Ledger::Inner::put(LedgerEntry& entry) {
    Head head;
    const bool joined = database.writing();
    try {
        RESONANT_CHECK(keep_books([&](sql::Connection& connection) -> Status {
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

Ledger::Ledger(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
Ledger::~Ledger() = default;

Hash Ledger::hash_of_arguments(const call::Call& call) { return sha256(json::canonical(call.arguments)); }

Result<std::uint64_t> Ledger::intent(const call::Call& call, std::span<const Passage> passages,
                                     const Hash* arguments) {
    try {
        RESONANT_FAULT_POINT("govern.ledger");
        if (const std::string why = inner_->why_broken(); !why.empty()) {
            return fail(Code::DataLoss, fmt::format("the ledger is not whole: {}", why));
        }
        if (!inner_->reserve.whole()) {
            return fail(Code::ResourceExhausted, "the disk is full: what is left is kept for the ledger; free space");
        }
        LedgerEntry entry = entry_of(call, "intent", "allow", arguments);
        entry.stages = stages_of(passages);
        RESONANT_ASSIGN(const Head head, inner_->put(entry));
        return head.seq;
    } catch (const std::exception& error) {
        return std::unexpected(failed_inside(error));
    }
}

Result<EffectCheck> Ledger::outcome(std::uint64_t intent, const call::Call& call, const Outcome& outcome,
                                    const Hash* arguments) {
    try {
        RESONANT_FAULT_POINT("govern.ledger_outcome");
        const EffectCheck check = check_effects(call.contract->access, call.effects);
        LedgerEntry entry = entry_of(call, "outcome", outcome.ok ? "ok" : "failed", arguments);
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
    inner_->reads.add(call, hash_of_arguments(call), ok && !check.mismatch, duration);
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
    const Status written = inner_->keep_books([&](sql::Connection& connection) -> Status {
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
