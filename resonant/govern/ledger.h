// The Ledger keeps proof of what was decided and done: an intent before an act, its outcome after it,
// denials, and a batch of reads each second, in one chain of 256-bit hashes. (Design word: Karma.)
// The format is docs/formats/ledger.md.
//
// Threads: any, at once. intent() and outcome() join the caller's sql::Database::write(), so that rows
// and the entry about them commit together.
//
// Invariants:
//   (1) The hash of an entry covers every column of it and the hash before it.
//   (2) The head is read inside the transaction that appends, so a rollback leaves no gap and a restart
//       goes on where the chain ended.
//   (3) The file `ledger.head` beside the database never runs ahead of it: a cut tail is noticed.
//   (4) A chain that is found broken refuses intents until the owner acknowledges; reads stay live.
//       Nothing is ever deleted or mended. A start looks at the last entries (kLedgerTail) and the head file before
//       the first intent; the rest of a longer ledger is looked at in the background, check_some().
//   (5) Arguments are never kept, only the SHA-256 of their canonical form.
//   (6) An exception inside is an Error outside: the ledger fails closed.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/govern/stage.h"
#include "resonant/sql/database.h"

namespace resonant::govern {

using Hash = std::array<std::byte, 32>;
std::string hex(const Hash& hash);
Hash sha256(std::string_view bytes);

// Observed effects against the declared class.
struct EffectCheck {
    bool mismatch = false;
    double debt = 0;     // 1 a read that changed rows, 0.5 a write that deleted
    std::string reason;  // empty when they agree
};
EffectCheck check_effects(call::Access declared, const call::Effects& observed);

struct Outcome {
    bool ok = true;
    std::string code{};            // name_of(Code) of a failure, empty when ok
    std::int64_t ring_position = -1;
    Nanos duration{};
};

struct Verification {
    std::uint64_t entries = 0;       // looked at
    bool ok = true;
    std::uint64_t first_break = 0;   // seq; 0 when there is none
    std::string why;                 // of the first break
    std::uint64_t acknowledged = 0;  // breaks that the owner has acknowledged
    std::uint64_t head_seq = 0;
    std::string head_hash;           // hexadecimal
};

struct TraceFilter {
    std::string agent{};
    std::string tool{};
    std::string decision{};  // "allow", "deny", empty or "all"
    Nanos since{};
    std::size_t limit = 50;          // at most 1,000
    std::uint64_t before_seq = 0;    // cursor: only entries older than this; 0 from the newest
};

inline constexpr std::uint64_t kLedgerTail = 10'000;  // entries verified at start: some 20 ms

class Ledger {
  public:
    // Makes the tables, verifies the chain or its last `tail` entries, closes intents that a crash left open there.
    // Ok also when the chain is broken: see verified().
    static Result<std::unique_ptr<Ledger>> open(sql::Database& database, Clock& clock, std::uint64_t tail = kLedgerTail);
    Ledger(const Ledger&) = delete;
    Ledger& operator=(const Ledger&) = delete;
    ~Ledger();

    // The eighth stage: appends the intent and returns its seq. `passages` with a note or a denial are
    // kept for the trace. DataLoss while a break is not acknowledged, ResourceExhausted when the disk is full,
    // Internal when it threw.
    // `arguments`: hash_of_arguments(), where it is known already.
    Result<std::uint64_t> intent(const call::Call& call, std::span<const Passage> passages = {},
                                 const Hash* arguments = nullptr);
    // What became of it: declared against observed effects (call.effects). Returns the check.
    Result<EffectCheck> outcome(std::uint64_t intent, const call::Call& call, const Outcome& outcome,
                                const Hash* arguments = nullptr);
    // What entries keep of a call's arguments. Any thread: who makes many calls durable need not make it.
    static Hash hash_of_arguments(const call::Call& call);
    // A denial that matters, durable on return.
    Status denied(const call::Call& call, const call::Denial& denial,
                  std::span<const Passage> passages = {});
    // Something of the system itself: "rules_reloaded", "maturity_changed".
    Status event(std::string_view name, std::string_view principal, const Json& detail);
    // The denial that an error of intent() is.
    static call::Denial denial_of(const Error& error);

    // Notes a call that only read: in memory, bounded, no wait. Its effects are checked too.
    EffectCheck note_read(const call::Call& call, bool ok, Nanos duration);
    // Writes the noted reads as one entry with their Merkle root, and brings `ledger.head` up to date.
    // To be called once a second and before stopping.
    Status flush_reads();

    // Checks entries since a time (0: all) and the head file. Cost: about 1 us an entry.
    Verification verify(Nanos since = {});
    // The same over a database that no kernel need run on, also one opened read-only.
    static Result<Verification> check(sql::Database& database, Nanos since = {});
    // As found at start, or by the last check of all.
    bool verified() const;
    // Goes on with the check that open() left for later, `entries` at once; returns how many are left. To be called in
    // the background until it returns 0. Any thread; a call waits for another one. An error: entries could not be read;
    // intents are refused until a later call has read them.
    Result<std::uint64_t> check_some(std::size_t entries);
    // Entries that no check since the start has looked at.
    std::uint64_t unchecked() const;
    // The owner takes note of the breaks found: they stay visible, intents are taken again.
    Status acknowledge(std::string_view principal, std::string_view reason);

    // {"entries":[...], "next_cursor":seq|null}, newest first.
    Result<Json> trace(const TraceFilter& filter);
    // Declared against observed by agent: calls, denials, failures, mismatches, debt; worst first.
    Result<Json> report(std::string_view agent, std::size_t limit);

    struct Head {
        std::uint64_t seq = 0;
        Hash hash{};
    };
    Result<Head> head();

    // What observers of effects do not count: see sql::Database::set_bookkeeping.
    static std::vector<std::string> tables() { return {"ledger", "ledger_reads"}; }

  private:
    struct Inner;
    explicit Ledger(std::unique_ptr<Inner> inner);
    std::unique_ptr<Inner> inner_;
};

}  // namespace resonant::govern
