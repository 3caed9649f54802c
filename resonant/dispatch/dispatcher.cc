#include "resonant/dispatch/dispatcher.h"

#include <fmt/core.h>

#include <exception>
#include <future>

#include "resonant/base/log.h"
#include "resonant/dispatch/work.h"
#include "resonant/tools/answer_form.h"

namespace resonant::dispatch {

using call::Access;
using call::Pace;

namespace {

std::string thread_of(const call::Call& call) {
    if (!call.session.empty()) {
        return call.session;
    }
    return call.caller.connection != 0 ? fmt::format("{}#{}", call.caller.principal, call.caller.connection)
                                       : call.caller.principal;
}

Rank rank_of(const call::Call& call) {
    if (call.caller.role == call::Role::Owner || call.caller.transport == call::Transport::Operator) {
        return Rank::Operator;
    }
    if (call.caller.transport == call::Transport::Internal) {
        return Rank::Background;
    }
    return call.contract->access == Access::Read ? Rank::Read : Rank::Act;
}

// One transaction for intent, rows and outcome.
bool joins(const call::Contract& contract) {
    return contract.pace == Pace::Fast && !contract.external &&
           (contract.access == Access::Write || contract.access == Access::Delete);
}

}  // namespace

Result<std::unique_ptr<Dispatcher>> Dispatcher::create(Needs needs) {
    std::vector<json::Schema> schemas;
    for (const tools::Tool& tool : needs.catalogue.tools()) {
        Result<json::Schema> schema = json::Schema::compile(tool.contract.input_schema, {.refuse_unknown = true});
        if (!schema) {
            return fail(Code::Internal, fmt::format("schema of {}: {}", tool.contract.name, schema.error().message));
        }
        schemas.push_back(std::move(*schema));
    }
    std::unique_ptr<Dispatcher> made(new Dispatcher(std::move(needs), std::move(schemas)));
    for (const tools::Tool& tool : made->needs_.catalogue.tools()) {
        const Json promised = made->needs_.check_answers ? tools::output_schema_of(tool.contract) : Json();
        if (promised.is_null()) {
            continue;
        }
        RESONANT_ASSIGN(json::Schema schema, json::Schema::compile(promised, {.refuse_unknown = true}));
        made->promises_.emplace(tool.contract.id, std::move(schema));
    }
    return made;
}

Dispatcher::Dispatcher(Needs needs, std::vector<json::Schema> schemas)
    : needs_(std::move(needs)),
      router_(needs_.catalogue, needs_.upstreams),
      precheck_(needs_.plane, needs_.breaker, needs_.limiter),
      resonance_(needs_.catalogue),
      schemas_(std::move(schemas)) {}

Dispatcher::~Dispatcher() { close(); }

void Dispatcher::close() {
    {
        const std::lock_guard lock(waiting_mutex_);
        for (const auto& flag : waiting_) {
            if (const auto cancelled = flag.lock()) {
                cancelled->store(true, std::memory_order_relaxed);
            }
        }
    }
    waits_.close();
    slow_.close();
    writer_.close();
    answers_.close();
}

std::size_t Dispatcher::principals() const {
    const std::lock_guard lock(principals_mutex_);
    return principals_.size();
}

void Dispatcher::remember_waiting(const std::shared_ptr<std::atomic<bool>>& cancelled) {
    const std::lock_guard lock(waiting_mutex_);
    std::erase_if(waiting_, [](const auto& flag) { return flag.expired(); });
    waiting_.push_back(cancelled);
}

void Dispatcher::submit(call::Request request, std::function<void(call::Reply)> done) {
    const call::ClientSet* set = needs_.client_sets == nullptr ? nullptr : needs_.client_sets->find(request.caller);
    Result<Route> route = router_.route(request.tool, std::move(request.arguments), set);
    if (!route) {
        call::Reply reply;
        reply.error = true;
        reply.content = Work::error_body(route.error(), "");
        done(std::move(reply));
        return;
    }
    const auto work = std::make_shared<Work>();
    go_to(*work, std::move(*route));
    begin(*work, request);
    const call::Contract& contract = *work->call.contract;
    work->done = std::move(done);
    work->call.id = next_id_.fetch_add(1, std::memory_order_relaxed);
    work->call.cancelled = std::move(request.cancelled);
    work->call.progress = std::move(request.progress);
    if (request.client && (work->upstream || contract.pace == Pace::Waits)) {
        work->client = std::make_shared<AskedClient>(std::move(request.client));
        work->call.client = work->client;
    } else {
        work->call.client = std::move(request.client);
    }
    in_flight_.fetch_add(1, std::memory_order_relaxed);

    if (contract.pace == Pace::Fast && (contract.access == Access::Read || joins(contract))) {
        carry(work);
        return;
    }
    if (deny_at_once(*work)) {
        reply(*work);
        return;
    }
    if (contract.pace == Pace::Waits) {
        if (!work->call.cancelled) {
            work->call.cancelled = std::make_shared<std::atomic<bool>>(false);
        }
        remember_waiting(work->call.cancelled);
    }
    post(work);
}

// What a call is for.
void Dispatcher::go_to(Work& work, Route route) {
    work.tool = route.tool;
    work.upstream = std::move(route.upstream);
    work.call.contract = work.upstream ? &work.upstream->contract : &work.tool->contract;
    work.call.arguments = std::move(route.arguments);
    const auto session = work.call.arguments.find("session_id");
    if (session != work.call.arguments.end() && session->is_string()) {
        work.call.session = session->get<std::string>();
    }
}

call::Role Dispatcher::role_of(std::string_view principal, call::Role given) const {
    const auto found = needs_.roles.find(principal);
    return found == needs_.roles.end() || given == call::Role::Owner ? given : found->second;
}

// Who calls, taken from the request.
void Dispatcher::begin(Work& work, call::Request& request) {
    work.started = needs_.clock.monotonic();
    work.call.caller = std::move(request.caller);
    work.call.trace = std::move(request.trace);
    call::Caller& caller = work.call.caller;
    if (caller.transport == call::Transport::Stdio || caller.transport == call::Transport::Http) {
        caller.role = role_of(caller.principal, caller.role);
    }
    const std::lock_guard lock(principals_mutex_);
    auto known = principals_.find(work.call.caller.principal);
    if (known == principals_.end() && principals_.size() < kPrincipalsMax) {
        known = principals_.emplace(work.call.caller.principal, std::make_unique<call::Memo>()).first;
    }
    work.call.memo = known == principals_.end() ? nullptr : known->second.get();
}

// Hands the call to a worker, or says that there is no room.
void Dispatcher::post(const Shared& work) {
    Workers& workers = work->call.contract->pace == Pace::Waits ? waits_ : slow_;
    const Status posted = workers.post({.run = [this, work] { carry(work); },
                                        .shed = [this, work](double retry_after_s) { shed(work, retry_after_s); },
                                        .principal = work->call.caller.principal,
                                        .rank = rank_of(work->call)});
    if (posted) {
        return;
    }
    if (posted.error().code == Code::ResourceExhausted) {
        shed(work, workers.retry_after_s());
        return;
    }
    fail_call(*work, posted.error());
    reply(*work);
}

// A call that was taken and cannot be carried out: others come first.
void Dispatcher::shed(const Shared& work, double retry_after_s) {
    guard(*work, [&] {
        if (work->denial) {  // it is refused anyway
            keep_denial(*work);
            refuse(*work, *work->denial);
            return;
        }
        if (work->admitted) {
            settle(*work, govern::Settled::NotRun);
        } else {
            situate(*work);
            announce(*work);
        }
        refuse(*work, {.code = "overloaded",
                       .stage = std::string(kQueue),
                       .rule = "those who ask for more than their share give way first",
                       .reason = fmt::format("more calls wait than can be carried out, and {} has more than its share of "
                                             "them; this one was not run", work->call.caller.principal),
                       .way_out = "try again after retry_after_s seconds, with fewer calls at once",
                       .retry_after_s = retry_after_s});
    });
    reply(*work);
}

call::Reply Dispatcher::run(call::Request request) {
    std::promise<call::Reply> promise;
    std::future<call::Reply> reply = promise.get_future();
    submit(std::move(request), [&promise](call::Reply given) { promise.set_value(std::move(given)); });
    return reply.get();
}

// Runs a step of a call; an exception becomes the reply.
void Dispatcher::guard(Work& work, const std::function<void()>& step) {
    try {
        step();
    } catch (const std::exception& error) {
        log().error("{}: {}", work.call.contract->name, error.what());
        if (work.admitted) {
            work.admitted = false;
            needs_.pipeline.settle(work.call, govern::Settled::Failed);
        }
        fail_call(work, {Code::Internal, fmt::format("{} failed inside: {}; this is a defect, the log has more",
                                                     work.call.contract->name, error.what())});
    }
}

// Judges the call and carries it out, or hands it to the commit queue for what must be durable.
void Dispatcher::carry(const Shared& work) {
    bool queued = false, sent = false;
    guard(*work, [&] {
        const Road road = judge(*work);
        if (road == Road::Deny) {
            queued = matters(*work->denial);
            if (!queued) {
                refuse(*work, *work->denial);
            }
        } else if (road == Road::Act) {
            sent = work->upstream && forward(work);
            if (!work->upstream && joins(*work->call.contract)) {
                work->arguments = govern::Ledger::hash_of_arguments(work->call);  // may throw: not queued before it is made
                queued = true;
            } else if (!work->upstream) {
                answer(*work, invoke(*work));
            }
        }
    });
    if (!sent) {
        queued ? queue(work) : reply(*work);
    }
}

void Dispatcher::queue(const Shared& work) {
    const Status pushed = writer_.push({work, {}}, work->call.caller.principal, rank_of(work->call));
    if (pushed) {
        return;
    }
    if (pushed.error().code == Code::ResourceExhausted) {
        shed(work, kWriterRetry);
        return;
    }
    guard(*work, [&] {
        if (work->denial) {
            keep_denial(*work);
            refuse(*work, *work->denial);
        } else {
            answer(*work, std::unexpected(pushed.error()));
        }
    });
    reply(*work);
}

void Dispatcher::reply(Work& work) {
    in_flight_.fetch_sub(1, std::memory_order_relaxed);
    work.done(std::move(work.reply));
}

// When and in what circumstances it is judged: board, thread of work, history.
void Dispatcher::situate(Work& work) {
    work.call.at = needs_.clock.wall();  // it may have waited for a worker
    const board::BoardView view = needs_.plane.board().view();
    work.harmony = view.harmony();
    work.thread = thread_of(work.call);
    work.resonance = resonance_.before(work.thread, *work.call.contract, work.call.at);
    work.resonance.engines = view.resonance().engines;
    work.chain = resonance_.chain(work.thread);
    work.call.tone = {.predecessor = static_cast<std::uint8_t>(work.resonance.predecessor),
                      .phase = static_cast<std::uint8_t>(work.resonance.phase),
                      .posture = static_cast<std::uint8_t>(work.resonance.posture)};
}

void Dispatcher::announce(Work& work) { publish(work, ring::EventType::ToolCalled, work.call.id); }

// Judges, and announces the call when its circumstances are on the board: an event never comes before what it is about.
Dispatcher::Road Dispatcher::judge(Work& work) {
    situate(work);
    if (const Precheck::Verdict verdict = precheck_.judge(work.call); !Precheck::passed(verdict)) {
        work.deny(precheck_.words(verdict, work.call));
    } else if (auto outside = outside_set(work)) {
        work.deny(std::move(outside));
    } else {
        work.deny(needs_.pipeline.judge(work.call, work.passages));
        work.admitted = !work.denial;
    }
    if (!work.denial) {
        work.deny(quarantined(work));
        if (work.denial) {
            settle(work, govern::Settled::NotRun);
        }
    }
    const std::vector<std::string> errors = work.denial ? std::vector<std::string>() : argument_errors(work);
    if (!work.denial && errors.empty()) {
        needs_.plane.board().write(work.resonance);
    }
    announce(work);
    if (work.denial) {
        return Road::Deny;
    }
    if (!errors.empty()) {
        settle(work, govern::Settled::NotRun);
        correct(work, errors);
        finish(work, false, false);
        return Road::Answered;
    }
    return Road::Act;
}

// In tests: what a tool's form promises must be there.
void Dispatcher::check_answer(const Work& work, Result<Json>& result) const {
    const auto schema = work.upstream || !result || !work.call.blocks.is_null() ? promises_.end()
                                                                                : promises_.find(work.call.contract->id);
    const auto errors = schema == promises_.end() ? std::vector<std::string>() : schema->second.errors(*result);
    if (!errors.empty()) {
        result = fail(Code::Internal, fmt::format("{} does not answer as answer_table.cc says: {}",
                                                  work.call.contract->name, errors.front()));
    }
}

void Dispatcher::answer(Work& work, Result<Json> result) {
    if (work.reply.denial) {
        settle(work, govern::Settled::NotRun);
        const call::Denial denial = *work.reply.denial;
        refuse(work, denial);
        return;
    }
    settle(work, result ? govern::Settled::Answered : work.settled_by(result.error().code));
    check_answer(work, result);
    if (result) {
        work.reply.content = std::move(*result);
        cut(work);
    } else {
        fail_call(work, result.error());
    }
    work.reply.blocks = std::move(work.call.blocks);
    // A question back to the caller is neither an answer nor a failure of ours.
    const bool failed = !result && result.error().code != Code::InputRequired;
    finish(work, !failed, failed);
}

}  // namespace resonant::dispatch
