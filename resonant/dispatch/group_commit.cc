// The part of dispatcher.h that makes calls durable in groups: one transaction, a savepoint a call.
#include <exception>

#include "resonant/base/log.h"
#include "resonant/dispatch/work.h"
#include "resonant/sql/optimistic.h"

namespace resonant::dispatch {

void Dispatcher::write_group(std::vector<Committed>& group) {
    const Status committed = commit(group);
    for (Committed& each : group) {
        // Whose rows the disk would not take is not known: each is tried by itself.
        each.second = committed || group.size() == 1 ? committed : commit({&each, 1});
    }
    if (needs_.committed) {
        needs_.committed();
    }
}

void Dispatcher::answer_group(std::vector<Committed>& group) {
    // One call alone is not worth a way to another thread.
    const bool hands_over = group.size() > 1 || !answers_.idle();
    for (const Committed& each : group) {
        if (!hands_over || !answers_.push(each)) {
            tell(each);
        }
    }
}

void Dispatcher::tell(const Committed& each) {
    Work& work = *each.first;
    guard(work, [&] { conclude(work, each.second); });
    reply(work);
}

// Without savepoints first: they make full text write its index once a call. When one of the calls fails after it
// changed something, all are done again with them.
Status Dispatcher::commit(std::span<const Committed> group) {
    const auto change = [&](sql::Connection&) -> Status {
        for (const Committed& each : group) {
            attempt(*each.first);
        }
        return {};
    };
    try {
        {
            const sql::Optimistic hope;
            const Status committed = needs_.database.write(change);
            if (!hope.spoiled()) {
                return committed;
            }
        }
        return needs_.database.write(change);
    } catch (const std::exception& error) {
        return fail(Code::Internal, error.what());
    }
}

// When it fails it is undone alone. Never throws.
void Dispatcher::attempt(Work& work) {
    work.attempt = std::make_unique<Work::Attempt>();
    work.call.effects = {};
    work.call.blocks = {};
    try {
        work.attempt->kept =
            work.denial ? needs_.ledger.denied(work.call, *work.denial, work.passages)
                        : needs_.database.write([&](sql::Connection&) { return keep_all(work); });
    } catch (const std::exception& error) {
        log().error("{}: {}", work.call.contract->name, error.what());
        work.attempt->kept = fail(Code::Internal, error.what());
    }
}

// Intent, rows and outcome.
Status Dispatcher::keep_all(Work& work) {
    Work::Attempt& attempt = *work.attempt;
    const Result<std::uint64_t> intent = needs_.ledger.intent(work.call, work.passages, &work.arguments);
    if (!intent) {
        attempt.denial = govern::Ledger::denial_of(intent.error());
        return std::unexpected(intent.error());
    }
    // The handler's rows stand or fall by themselves; the entries about it stay.
    const Status rows = needs_.database.write([&](sql::Connection&) -> Status {
        const plane::KernelPlane::Hold hold(needs_.plane, attempt.events);
        const sql::Observer observer(needs_.database, sql::Observer::Mode::Allow);
        attempt.result = handle(work);
        observe(work, observer);
        if (!attempt.result) {
            return std::unexpected(attempt.result.error());
        }
        const govern::EffectCheck check = govern::check_effects(work.call.contract->access, work.call.effects);
        if (check.mismatch) {
            return fail(Code::Internal, work.call.contract->name + " did what it does not declare: " + check.reason +
                                            "; it was undone");
        }
        return {};
    });
    if (!rows) {
        attempt.result = std::unexpected(rows.error());
    }
    const govern::Outcome outcome{
        .ok = attempt.result.has_value(),
        .code = attempt.result ? "" : std::string(name_of(attempt.result.error().code)),
        .ring_position = work.ring_position,
        .duration = needs_.clock.monotonic() - work.started};
    RESONANT_ASSIGN(const govern::EffectCheck check, needs_.ledger.outcome(*intent, work.call, outcome, &work.arguments));
    attempt.debt = check.mismatch ? check.debt : 0;
    return {};
}

// Tells what became of it, now that it is durable or undone.
void Dispatcher::conclude(Work& work, const Status& committed) {
    if (!work.attempt) {
        work.attempt = std::make_unique<Work::Attempt>();  // the transaction did not begin
    }
    Work::Attempt& attempt = *work.attempt;
    const Status& kept = committed ? attempt.kept : committed;
    if (work.denial) {
        if (!kept) {
            keep_denial(work);
        }
        refuse(work, *work.denial);
        return;
    }
    if (!kept && !attempt.denial && kept.error().code == Code::ResourceExhausted) {
        attempt.denial = govern::Ledger::denial_of(kept.error());
    }
    if (kept && attempt.result) {
        needs_.plane.release(attempt.events);
    }
    if (attempt.debt > 0 && kept) {
        harmony_.owe(work.call.at, attempt.debt);
    }
    work.reply.denial = attempt.denial;
    answer(work, kept ? std::move(attempt.result) : Result<Json>(std::unexpected(kept.error())));
}

// By itself, outside any transaction: the ledger may then use what it keeps back for a full disk.
void Dispatcher::keep_denial(Work& work) {
    if (const Status kept = needs_.ledger.denied(work.call, *work.denial, work.passages); !kept) {
        log().error("ledger: a denial of {} could not be written: {}", work.call.contract->name, kept.error().message);
    }
}

}  // namespace resonant::dispatch
