// How a Ledger begins, how it is checked, and how the owner takes note of a break. Appending: ledger.cc.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "resonant/base/log.h"
#include "resonant/govern/ledger_state.h"

namespace resonant::govern {

Result<Ledger::Head> Ledger::Inner::remembered() {
    const std::lock_guard lock(head_mutex);
    return head_file->read();
}

Result<ChainReport> Ledger::Inner::check(Nanos since) {
    // The file first: it never runs ahead of what a later look at the database sees.
    Result<Head> told = remembered();
    RESONANT_ASSIGN(ChainReport report, check_chain(database, since, std::move(told)));
    take_note(report.verification.ok, report.verification.why);
    return report;
}

void Ledger::Inner::take_note(bool is_whole, std::string why) {
    const std::lock_guard lock(state_mutex);
    broken = std::move(why);
    verified.store(is_whole, std::memory_order_release);
}

// The last `tail` entries now and the rest later, where there are more; all of them when something is wrong there, as
// a break that the owner took note of is understood only with all that came before it.
Result<ChainReport> Ledger::Inner::check_at_start(std::uint64_t tail) {
    if (start_head <= tail) {
        return check({});
    }
    ChainCheck last({}, remembered());
    Status begun;
    RESONANT_CHECK(database.read([&](sql::Connection& connection) -> Status {
        begun = last.begin_at(connection, start_head - tail + 1);
        if (begun) {
            RESONANT_CHECK(last.go_on(connection, static_cast<std::size_t>(tail)));
        }
        return {};
    }));
    ChainReport report = last.finish();
    if (!begun || !report.verification.ok) {
        return check({});
    }
    take_note(report.verification.ok, report.verification.why);
    rest.emplace(Nanos{}, remembered());
    unchecked.store(start_head);
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

Result<std::unique_ptr<Ledger>> Ledger::open(sql::Database& database, Clock& clock, std::uint64_t tail) {
    auto inner = std::make_unique<Inner>(database, clock);
    RESONANT_CHECK(database.write([](sql::Connection& connection) { return connection.run(kLedgerTables); }));
    database.set_bookkeeping(tables());
    Head head;
    RESONANT_CHECK(database.read([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(head, head_in(connection));
        return {};
    }));
    const std::filesystem::path file = database.file().parent_path() / "ledger.head";
    RESONANT_ASSIGN(inner->head_file, HeadFile::open(file, head.seq == 0 && !std::filesystem::exists(file)));
    inner->start_head = head.seq;
    RESONANT_ASSIGN(const ChainReport report, inner->check_at_start(tail));
    inner->open_at_start = report.open_intents;
    if (report.verification.ok) {
        RESONANT_CHECK(inner->close_open_intents());
        RESONANT_CHECK(inner->remember_head());
    } else {
        log().error("ledger: the chain is broken: {}; reads go on, writes wait for the owner", report.verification.why);
    }
    return std::unique_ptr<Ledger>(new Ledger(std::move(inner)));
}

Result<std::uint64_t> Ledger::check_some(std::size_t entries) {
    const std::lock_guard lock(inner_->rest_mutex);
    std::optional<ChainCheck>& rest = inner_->rest;
    if (!rest) {
        return 0;
    }
    bool more = false;
    const Status looked = inner_->database.read([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(more, rest->go_on(connection, entries));
        return {};
    });
    if (!looked) {
        // What cannot be read is not known to be whole: intents wait until it was read, or the owner has looked.
        inner_->take_note(false, "its older entries cannot be read: " + looked.error().message);
        return std::unexpected(looked.error());
    }
    const std::uint64_t left = inner_->start_head - std::min(inner_->start_head, rest->reached());
    if (more) {
        inner_->unchecked.store(left);
        return std::max<std::uint64_t>(left, 1);
    }
    const ChainReport report = rest->finish();
    rest.reset();
    inner_->unchecked.store(0);
    inner_->take_note(report.verification.ok, report.verification.why);
    if (!report.verification.ok) {
        log().error("ledger: the chain is broken: {}; reads go on, writes wait for the owner", report.verification.why);
        return 0;
    }
    for (const std::uint64_t intent : report.open_intents) {
        if (intent <= inner_->start_head) {
            inner_->open_at_start.push_back(intent);
        }
    }
    RESONANT_CHECK(inner_->close_open_intents());
    return 0;
}

std::uint64_t Ledger::unchecked() const { return inner_->unchecked.load(); }

Result<Verification> Ledger::check(sql::Database& database, Nanos since) {
    const std::filesystem::path file = database.file().parent_path() / "ledger.head";
    Result<Head> remembered = fail(Code::NotFound, "ledger.head is missing");
    if (Result<std::unique_ptr<HeadFile>> opened = HeadFile::open(file, false)) {
        remembered = (*opened)->read();
    } else {
        remembered = std::unexpected(opened.error());
    }
    RESONANT_ASSIGN(ChainReport report, check_chain(database, since, std::move(remembered)));
    return std::move(report.verification);
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

}  // namespace resonant::govern
