// The part of dispatcher.h that carries calls out one by one: those that read, and those whose effects lie outside the
// database, with their intent before and their outcome after. What joins a transaction is in group_commit.cc.
#include <fmt/core.h>

#include <exception>

#include "resonant/base/fault.h"
#include "resonant/base/log.h"
#include "resonant/dispatch/work.h"

namespace resonant::dispatch {

using call::Access;

Result<Json> Dispatcher::invoke(Work& work) {
    return work.call.contract->access == Access::Read ? read(work) : write_around(work);
}

Result<Json> Dispatcher::handle(Work& work) {
    try {
        RESONANT_FAULT_POINT(work.call.contract->name);
        return work.tool->handler(work.call);
    } catch (const std::exception& error) {
        log().error("handler of {}: {}", work.call.contract->name, error.what());
        return fail(Code::Internal, fmt::format("{} failed inside: {}; this is a defect, the log has more",
                                                work.call.contract->name, error.what()));
    }
}

void Dispatcher::observe(Work& work, const sql::Observer& observer) const {
    for (const auto& [table, rows] : observer.changes()) {
        work.call.effects.rows_inserted += rows.inserted;
        work.call.effects.rows_updated += rows.updated;
        if (needs_.content_tables.contains(table)) {
            work.call.effects.rows_deleted += rows.deleted;
        }
    }
    work.call.effects.refused_write = observer.refused();
}

Result<Json> Dispatcher::read(Work& work) {
    const sql::Observer observer(needs_.database, sql::Observer::Mode::RefuseWrites);
    Result<Json> result = handle(work);
    observe(work, observer);
    const Nanos took = needs_.clock.monotonic() - work.started;
    const govern::EffectCheck check = needs_.ledger.note_read(work.call, result.has_value(), took);
    if (check.mismatch) {
        harmony_.owe(work.call.at, check.debt);
        return fail(Code::Internal, fmt::format("{} is declared to read and tried to write: {}; nothing was changed",
                                                work.call.contract->name, check.reason));
    }
    return result;
}

Result<Json> Dispatcher::write_around(Work& work) {
    const Result<std::uint64_t> intent = needs_.ledger.intent(work.call, work.passages);
    if (!intent) {
        work.reply.denial = govern::Ledger::denial_of(intent.error());
        return std::unexpected(intent.error());
    }
    Result<Json> result = fail(Code::Internal, "the handler did not run");
    {
        const sql::Observer observer(needs_.database, sql::Observer::Mode::Allow);
        result = handle(work);
        observe(work, observer);
    }
    if (needs_.committed) {
        needs_.committed();
    }
    const govern::Outcome outcome{.ok = result.has_value(),
                                  .code = result ? "" : std::string(name_of(result.error().code)),
                                  .ring_position = work.ring_position,
                                  .duration = needs_.clock.monotonic() - work.started};
    const Result<govern::EffectCheck> check = needs_.ledger.outcome(*intent, work.call, outcome);
    if (!check) {
        // The act happened and its intent is on the disk; at the next start it is closed as unknown.
        log().error("ledger: the outcome of entry {} ({}) could not be written: {}", *intent,
                    work.call.contract->name, check.error().message);
    } else if (check->mismatch) {
        harmony_.owe(work.call.at, check->debt);
        return fail(Code::Internal, fmt::format("{} did what it does not declare: {}; the ledger has it",
                                                work.call.contract->name, check->reason));
    }
    return result;
}

}  // namespace resonant::dispatch
