// The Dispatcher is the one door for every call, from a client, the operator or an escalated monitor:
//
//   router -> precheck -> sanitizer, circuit breaker, rate limiter, roles, maturity, governor, rules
//   -> arguments against their schema -> ledger (intent) -> handler -> ledger (outcome: declared against
//   observed effects) -> resonance, harmony, ring events -> reply
//
// Threads: any may submit. Whom the precheck denies is answered before submit() returns, whatever the tool. Fast
// tools are judged there, and reading ones run there too;
// fast tools that change the database run one after another on the commit queue's thread; slow and waiting
// tools on workers.
//
// Invariants:
//   (1) Every request gets exactly one reply; an exception anywhere becomes an error reply.
//   (2) A stage that throws denies. A write whose intent cannot be recorded does not happen.
//   (3) A fast tool that touches only our database commits intent, rows and outcome in one transaction,
//       together with those that wait for the same thread; one that fails is undone alone. Any other tool
//       that acts has its intent on the disk before the handler starts.
//   (4) A reading tool that tries to change rows fails, and the mismatch is recorded.
//   (5) No reply leaves before what it tells is durable.
//   (6) What cannot be taken is shed: those who ask for more than their share first, background before reading
//       before acting before the operator; the answer says when to try again.
//   (7) The board is read once a call, at its start, for what the reply says of resonance; breaker and
//       limiter decisions use live words.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "resonant/call/call.h"
#include "resonant/call/client_set.h"
#include "resonant/call/upstreams.h"
#include "resonant/dispatch/call_log.h"
#include "resonant/dispatch/commit_queue.h"
#include "resonant/dispatch/doorkeeper.h"
#include "resonant/dispatch/harmony.h"
#include "resonant/dispatch/precheck.h"
#include "resonant/dispatch/resonance.h"
#include "resonant/dispatch/router.h"
#include "resonant/dispatch/workers.h"
#include "resonant/govern/ledger.h"
#include "resonant/govern/pipeline.h"
#include "resonant/json/schema.h"
#include "resonant/plane/kernel_plane.h"
#include "resonant/sql/database.h"

namespace resonant::dispatch {

class Dispatcher final : public call::Door, public Doorkeeper {
  public:
    static constexpr std::size_t kSlowQueued = 256;    // calls that wait for a worker
    static constexpr double kWriterRetry = 1;          // seconds
    static constexpr std::chrono::microseconds kReturn{1'000};  // how long the writer waits for those it just answered
    static constexpr std::size_t kPrincipalsMax = 1024;  // remembered: who called, which schemas they saw

    struct Needs {
        const Catalogue& catalogue;
        plane::KernelPlane& plane;
        sql::Database& database;
        govern::Pipeline& pipeline;
        govern::CircuitBreaker& breaker;
        govern::RateLimiter& limiter;
        govern::Ledger& ledger;
        Clock& clock;
        call::Upstreams* upstreams = nullptr;  // other servers' tools; none when null
        const call::ClientSets* client_sets = nullptr;  // what which client may call; null: all
        // Keeps an answer that is too large to send; returns the result_id to read on with.
        std::function<std::string(const std::string& principal, std::string text)> keep_answer;
        // Called when what calls changed is there for every reader; must not throw. May be empty.
        std::function<void()> committed;
        // Tables whose rows only a tool of class delete may delete.
        std::set<std::string, std::less<>> content_tables;
        // Roles that the owner gives to principals; all others have what their transport gives them.
        std::map<std::string, call::Role, std::less<>> roles;
        std::size_t answer_bytes_max = 60'000;
        bool check_answers = false;  // an answer that is not what its tool declares is an error: for tests
    };

    // Internal when a contract's schema does not compile.
    static Result<std::unique_ptr<Dispatcher>> create(Needs needs);
    ~Dispatcher() override;

    void submit(call::Request request, std::function<void(call::Reply)> done) override;
    std::optional<Refusal> turn_away(call::Request& request) override;
    // submit() and wait. Not from a worker of this dispatcher.
    call::Reply run(call::Request request);
    // The role of a principal whose transport gives it `given`. The owner, the operator and the system keep theirs.
    call::Role role_of(std::string_view principal, call::Role given) const;
    // What would happen to this call, stage by stage: {"allowed", "denied_by", "passages": [...]}. Takes,
    // counts and changes nothing.
    Json explain(const call::Call& call);
    // Puts the aged harmony numbers onto the board; called now and then so that windows close.
    void refresh();
    void set_vitality(double vitality) { harmony_.set_vitality(vitality); }
    // Calls that were taken since the start.
    std::uint64_t calls() const { return next_id_.load(std::memory_order_relaxed) - 1; }
    // Calls that were taken and are not answered yet.
    std::size_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }
    // Principals that have called since the start, at most kPrincipalsMax.
    std::size_t principals() const;
    // Cancels what waits and finishes what was taken; afterwards what needs a worker is answered with
    // Unavailable.
    void close();

  private:
    struct Work;  // one call on its way

    Dispatcher(Needs needs, std::vector<json::Schema> schemas);
    using Shared = std::shared_ptr<Work>;
    using Committed = std::pair<Shared, Status>;  // and what became of it
    enum class Road : std::uint8_t { Act, Deny, Answered };

    static void go_to(Work& work, Route route);
    void begin(Work& work, call::Request& request);
    bool deny_at_once(Work& work);
    void carry(const Shared& work);
    void queue(const Shared& work);
    void reply(Work& work);
    void post(const Shared& work);
    void shed(const Shared& work, double retry_after_s);
    void situate(Work& work);
    void announce(Work& work);
    void guard(Work& work, const std::function<void()>& step);
    Road judge(Work& work);
    std::optional<call::Denial> outside_set(const Work& work) const;
    std::optional<call::Denial> quarantined(const Work& work) const;
    std::vector<std::string> argument_errors(const Work& work) const;
    bool forward(const Shared& work);
    void receive(Work& work, Result<call::UpstreamReply> result);
    void take(Work& work, Result<call::UpstreamReply> result);
    void cut_blocks(Work& work) const;
    board::BreakerState worst_of(const Work& work, board::BreakerState state);
    Result<Json> invoke(Work& work);
    Result<Json> read(Work& work);
    void write_group(std::vector<Committed>& group);
    void answer_group(std::vector<Committed>& group);
    void tell(const Committed& each);
    Status commit(std::span<const Committed> group);
    void attempt(Work& work);
    Status keep_all(Work& work);
    void conclude(Work& work, const Status& committed);
    Result<Json> write_around(Work& work);
    Result<Json> handle(Work& work);
    void observe(Work& work, const sql::Observer& observer) const;
    void answer(Work& work, Result<Json> result);
    void check_answer(const Work& work, Result<Json>& result) const;
    static bool matters(const call::Denial& denial);
    void keep_denial(Work& work);
    void refuse(Work& work, const call::Denial& denial);
    void keep_books(Work& work, const call::Denial& denial);
    void introduce(Work& work) const;
    void settle(Work& work, govern::Settled settled);
    void show_breaker(Work& work, board::BreakerState state);
    void fail_call(Work& work, const Error& error);
    void correct(Work& work, const std::vector<std::string>& errors);
    void finish(Work& work, bool well, bool failed);
    void measure(Nanos at);
    void refresh_breakers();
    void cut(Work& work) const;
    void publish(Work& work, ring::EventType type, std::uint64_t detail);
    void remember_waiting(const std::shared_ptr<std::atomic<bool>>& cancelled);
    bool schema_was_sent(const std::string& principal, std::uint16_t tool);

    Needs needs_;
    Router router_;
    Precheck precheck_;
    CallLog log_{needs_.clock};
    HarmonyMeter harmony_;
    ResonanceTracker resonance_;
    const std::vector<json::Schema> schemas_;  // by tool id
    std::map<std::uint16_t, json::Schema> promises_;  // of output schemas, with check_answers only
    std::atomic<std::uint64_t> next_id_{1};
    std::atomic<std::size_t> in_flight_{0};
    std::mutex waiting_mutex_;
    std::vector<std::weak_ptr<std::atomic<bool>>> waiting_;  // flags of calls that may sleep
    mutable std::mutex principals_mutex_;
    std::unordered_map<std::string, std::unique_ptr<call::Memo>> principals_;  // never erased: calls point into it
    std::mutex sent_mutex_;
    std::map<std::string, std::set<std::uint16_t>> sent_;  // schemas sent, by principal; bounded
    // Answers the members of a group of several, while the writer is at the next one.
    CommitQueue<Committed> answers_{{}, {.serve = [this](std::vector<Committed>& group) {
                                        for (const Committed& each : group) {
                                            tell(each);
                                        }
                                    }}, "answers"};
    CommitQueue<Committed> writer_{{.return_max = kReturn},
                                   {.serve = [this](std::vector<Committed>& group) { write_group(group); },
                                    .answer = [this](std::vector<Committed>& group) { answer_group(group); },
                                    .shed = [this](const Committed& each) { shed(each.first, kWriterRetry); }},
                                   "writer"};
    // Of each, some threads are out of reach of a single principal.
    Workers slow_{{.name = "slow", .threads_max = 3, .queue_max = kSlowQueued, .running_each_max = 2}};
    Workers waits_{{.name = "waits", .threads_max = 64, .queue_max = 64, .running_each_max = 48}};
};

}  // namespace resonant::dispatch
