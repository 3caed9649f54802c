#include "resonant/runtime/verification.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "resonant/govern/ledger.h"
#include "resonant/sql/database.h"

namespace resonant::runtime {
namespace {

using sql::Connection;
using sql::Statement;

// A call that ended well: what it changed carries a time between these two.
struct Span {
    std::int64_t seq = 0;  // of its outcome
    std::int64_t from = 0;
    std::int64_t to = 0;
    bool adds = false;     // memory.add that inserted: it must have left a version
};

// What one principal did, by the ledger and by the memory.
struct Deeds {
    std::vector<Span> spans;               // by from, once sorted
    std::vector<std::int64_t> latest;      // greatest `to` of spans[0..i]
    std::vector<std::int64_t> versions;    // times, sorted
};

constexpr const char* kCalls =
    "SELECT o.seq, i.principal, i.at_ns, o.at_ns, o.tool = 'memory.add' AND o.effects LIKE '%\"inserted\":%'"
    " AND o.effects NOT LIKE '%\"inserted\":0%'"
    " FROM ledger o JOIN ledger i ON i.seq = o.intent"
    " WHERE o.kind = 'outcome' AND i.kind = 'intent' AND o.decision IN ('ok', 'unknown', 'failed')";

class Agreement {
  public:
    explicit Agreement(std::vector<std::string>& findings) : findings_(findings) {}

    Status check(Connection& connection) {
        RESONANT_ASSIGN(Statement any, connection.prepare("SELECT count(*) FROM memory_tombstones"));
        RESONANT_CHECK(any.step());
        const bool erased = any.integer(0) > 0;
        RESONANT_CHECK(load(connection));
        for (auto& [principal, deeds] : deeds_) {
            if (deeds.spans.empty()) {
                continue;  // a part of the system, which makes no calls
            }
            std::ranges::sort(deeds.spans, {}, &Span::from);
            for (const Span& span : deeds.spans) {
                deeds.latest.push_back(std::max(deeds.latest.empty() ? 0 : deeds.latest.back(), span.to));
            }
            std::ranges::sort(deeds.versions);
            explain_versions(principal, deeds);
            if (!erased) {  // else a change may be gone by right
                explain_entries(principal, deeds);
            }
        }
        return {};
    }

  private:
    Status load(Connection& connection) {
        RESONANT_ASSIGN(Statement calls, connection.prepare(kCalls));
        RESONANT_CHECK(calls.each([&](const Statement& row) -> Status {
            deeds_[row.text(1)].spans.push_back({row.integer(0), row.integer(2), row.integer(3), row.integer(4) != 0});
            return {};
        }));
        // A first version has its row from when there is a second.
        RESONANT_ASSIGN(Statement versions,
                        connection.prepare("SELECT by_whom, at_ns FROM memory_versions UNION ALL"
                                           " SELECT owner, created_ns FROM memories m WHERE version = 1"
                                           " AND NOT EXISTS(SELECT 1 FROM memory_versions v WHERE v.memory_id = m.id)"));
        return versions.each([&](const Statement& row) -> Status {
            deeds_[row.text(0)].versions.push_back(row.integer(1));
            return {};
        });
    }

    void find(std::string what) {
        if (findings_.size() < memory::kFindingsMax) {
            findings_.push_back(std::move(what) + "; somebody changed the database behind the ledger, or the clock was set: "
                                                  "compare with a copy");
        }
    }

    void explain_versions(const std::string& principal, const Deeds& deeds) {
        for (const std::int64_t at : deeds.versions) {
            const auto after = std::ranges::upper_bound(deeds.spans, at, {}, &Span::from);
            const auto before = static_cast<std::size_t>(after - deeds.spans.begin());
            if (before == 0 || deeds.latest[before - 1] < at) {
                find(fmt::format("memory: {} changed one at {} ns and no entry of the ledger tells of it", principal, at));
            }
        }
    }

    void explain_entries(const std::string& principal, const Deeds& deeds) {
        for (const Span& span : deeds.spans) {
            const auto first = std::ranges::lower_bound(deeds.versions, span.from);
            if (span.adds && (first == deeds.versions.end() || *first > span.to)) {
                find(fmt::format("ledger: entry {} says that {} added a memory, and there is none of that time", span.seq,
                                 principal));
            }
        }
    }

    std::vector<std::string>& findings_;
    std::map<std::string, Deeds> deeds_;
};

}  // namespace

Result<Json> verify_home(const Home& home, const memory::VerificationStep& step) {
    RESONANT_ASSIGN(memory::Verification found, memory::verify_files(home.database(), home.segments(), step));
    const auto begin = [&](int done, std::string_view what) {
        if (step) {
            step(done, what);
        }
    };
    Json answer = {{"memories", found.memories}, {"versions", found.versions}, {"links", found.links},
                   {"vectors", found.vectors},   {"segments", found.segments}, {"ledger_entries", 0}};
    if (found.findings.empty()) {
        RESONANT_ASSIGN(const auto database, sql::Database::open(home.database(), {.readers = 1, .read_only = true}));
        begin(memory::kVerificationSteps, "ledger");
        RESONANT_ASSIGN(const govern::Verification chain, govern::Ledger::check(*database));
        answer["ledger_entries"] = chain.entries;
        if (!chain.ok) {
            found.findings.push_back("ledger: " + chain.why + "; the owner looks with `resonant ledger verify` and takes "
                                     "note of it with `resonant ledger acknowledge`");
        }
        begin(memory::kVerificationSteps + 1, "memory and ledger against each other");
        RESONANT_CHECK(database->read(
            [&](Connection& connection) { return Agreement(found.findings).check(connection); }));
    }
    answer["ok"] = found.findings.empty();
    answer["findings"] = found.findings;
    answer["notes"] = found.notes;
    return answer;
}

}  // namespace resonant::runtime
