// The way up of dispatcher.h: refusals, errors, corrections, and what a call leaves on board and ring.
#include <fmt/core.h>

#include <array>

#include "resonant/base/log.h"
#include "resonant/base/sha256.h"
#include "resonant/base/utf8.h"
#include "resonant/dispatch/work.h"

namespace resonant::dispatch {

Json Dispatcher::Work::error_body(const Error& error, const std::string& tool) {
    Json body = {{"error", {{"code", std::string(name_of(error.code))}, {"message", error.message}}}};
    if (!tool.empty()) {
        body["tool"] = tool;
    }
    return body;
}

// Refusals that are kept durably one by one; the rest are noted like reads.
bool Dispatcher::matters(const call::Denial& denial) {
    return denial.stage != govern::kRateLimiter && denial.stage != govern::kCircuitBreaker &&
           denial.stage != govern::kMaturity && denial.stage != govern::kLedger && denial.stage != kQueue;
}

void Dispatcher::refuse(Work& work, const call::Denial& denial) {
    work.reply.denial = denial;
    work.reply.error = true;
    work.reply.content = {{"denial", govern::to_json(denial)}, {"tool", work.call.contract->name}};
    introduce(work);
    keep_books(work, denial);
}

// What a refusal leaves behind: ledger note, events, history, board.
void Dispatcher::keep_books(Work& work, const call::Denial& denial) {
    log_.refused(work.call, denial);
    if (!matters(denial)) {
        needs_.ledger.note_read(work.call, false, needs_.clock.monotonic() - work.started);
    }
    const bool crossed = denial.stage == govern::kGovernor || denial.stage == govern::kRules;
    if (crossed) {
        harmony_.violate(work.call.at, 1.0);
    }
    measure(work.call.at);
    needs_.plane.board().add_counter(work.call.contract->family);
    if (crossed) {
        publish(work, ring::EventType::BoundaryViolated, work.call.id);
    }
    publish(work, ring::EventType::ToolDenied, work.call.id);
    resonance_.after(work.thread, *work.call.contract, false);
}

void Dispatcher::fail_call(Work& work, const Error& error) {
    log_.failed(work.call, error.code);
    work.reply.error = true;
    work.reply.content = Work::error_body(error, work.call.contract->name);
}

// Wrong or missing arguments are answered with what would be right: the schema once, then its hash.
void Dispatcher::correct(Work& work, const std::vector<std::string>& errors) {
    const call::Contract& contract = *work.call.contract;
    fail_call(work, {Code::InvalidArgument, fmt::format("{}: {}", contract.name, errors.front())});
    Json& content = work.reply.content;
    content["errors"] = errors;
    content["example"] = {{"tool", contract.name}, {"args", contract.example}};
    content["schema_hash"] = sha256_hex(json::canonical(contract.input_schema), 16);
    if (!schema_was_sent(work.call.caller.principal, contract.id)) {
        content["schema"] = contract.input_schema;
    }
}

bool Dispatcher::schema_was_sent(const std::string& principal, std::uint16_t tool) {
    const std::lock_guard lock(sent_mutex_);
    if (sent_.size() >= kPrincipalsMax && !sent_.contains(principal)) {
        sent_.clear();
    }
    return !sent_[principal].insert(tool).second;
}

void Dispatcher::settle(Work& work, govern::Settled settled) {
    work.admitted = false;
    const board::BreakerState before = needs_.breaker.read(work.call.contract->name).state;
    const board::BreakerState after = needs_.pipeline.settle(work.call, settled);
    if (before != after) {
        show_breaker(work, after);
    }
}

// The worst state among the tools of the call's family, or of its server.
board::BreakerState Dispatcher::worst_of(const Work& work, board::BreakerState state) {
    board::BreakerState worst = state;
    const auto take = [&](const call::Contract& contract) {
        const board::BreakerState other = needs_.breaker.read(contract.name).state;
        worst = other == board::BreakerState::Open || worst == board::BreakerState::Closed ? other : worst;
    };
    if (work.upstream) {
        for (const auto& tool : *needs_.upstreams->tools()) {
            if (tool->server == work.upstream->server && worst != board::BreakerState::Open) {
                take(tool->contract);
            }
        }
        return worst;
    }
    for (const tools::Tool& tool : needs_.catalogue.tools()) {
        if (tool.contract.family == work.call.contract->family && worst != board::BreakerState::Open) {
            take(tool.contract);
        }
    }
    return worst;
}

// The slot of the family, or of the server, on the board shows the worst state among its tools.
void Dispatcher::show_breaker(Work& work, board::BreakerState state) {
    const int slot = work.upstream ? work.upstream->slot : work.call.contract->family;
    if (slot >= 0) {
        needs_.plane.board().set_breaker(slot, static_cast<std::uint64_t>(worst_of(work, state)));
    }
    publish(work,
            state == board::BreakerState::Open       ? ring::EventType::CircuitOpened
            : state == board::BreakerState::HalfOpen ? ring::EventType::CircuitHalfOpen
                                                     : ring::EventType::CircuitClosed,
            work.call.id);
}

// Says in the reply which tool it is about, and in what circumstances.
void Dispatcher::introduce(Work& work) const {
    work.reply.tool = work.call.contract->name;
    work.reply.resonance = resonance_.compact(work.resonance, work.harmony, work.chain);
}

// Of a call that was not refused. `well`: it gave what was asked. `failed`: it was let through and did not.
void Dispatcher::finish(Work& work, bool well, bool failed) {
    const Nanos took = needs_.clock.monotonic() - work.started;
    introduce(work);
    resonance_.after(work.thread, *work.call.contract, well);
    harmony_.record({.at = work.call.at,
                     .duration = took,
                     .active = work.call.contract->access != call::Access::Read,
                     .failed = failed});
    // The event last: who is woken by it finds on the board what it says.
    measure(work.call.at);
    needs_.plane.board().add_counter(work.call.contract->family);
    publish(work, failed ? ring::EventType::ErrorOccurred : ring::EventType::ToolCompleted,
            static_cast<std::uint64_t>(took.count));
}

void Dispatcher::measure(Nanos at) {
    const HarmonyMeter::Reading reading = harmony_.measure(at);
    needs_.plane.board().write(reading.harmony);
    needs_.plane.board().write(reading.traffic);
}

// A breaker that was open and whose rest is over is half-open without any call: the board follows.
void Dispatcher::refresh_breakers() {
    const board::Snapshot seen = needs_.plane.board().view().snapshot();
    std::array<std::uint64_t, board::kBreakerSlots> worst{};
    for (const tools::Tool& tool : needs_.catalogue.tools()) {
        const std::size_t slot = tool.contract.family;
        if (seen.breakers[slot] != 0 && worst[slot] != static_cast<std::uint64_t>(board::BreakerState::Open)) {
            const auto state = static_cast<std::uint64_t>(needs_.breaker.read(tool.contract.name).state);
            worst[slot] = state != 0 ? state : worst[slot];
        }
    }
    for (std::size_t slot = 0; slot < needs_.catalogue.families().size(); ++slot) {
        if (seen.breakers[slot] != worst[slot]) {
            needs_.plane.board().set_breaker(static_cast<int>(slot), worst[slot]);
        }
    }
}

// Windows close by themselves: whoever waits for a number to fall is woken by its change.
void Dispatcher::refresh() {
    refresh_breakers();
    const board::Snapshot before = needs_.plane.board().view().snapshot();
    measure(needs_.clock.wall());
    const board::Snapshot after = needs_.plane.board().view().snapshot();
    for (const board::FieldInfo& info : board::built_in_fields()) {
        const bool measured = board::is_harmony(info.field) || board::is_traffic(info.field);
        if (measured && before.field(info.field) != after.field(info.field)) {
            needs_.plane.notify(info.field, after.field(info.field), "kernel");
        }
    }
}

// Every call's own events are published whole: dampening is for floods of other kinds.
void Dispatcher::publish(Work& work, ring::EventType type, std::uint64_t detail) {
    ring::Event event;
    event.type = type;
    event.lane = ring::lane_of(type);
    event.source = ring::source_hash(work.call.caller.principal);
    event.tool = work.call.contract->id + 1U;
    event.at_ns = work.call.at.count;
    event.data = {work.call.id, detail, work.call.contract->family, 0};
    const auto position = static_cast<std::int64_t>(needs_.plane.ring().publish(event));
    if (work.ring_position < 0) {
        work.ring_position = position;
    }
}

void Dispatcher::cut(Work& work) const {
    std::string text = json::dump(work.reply.content);
    if (text.size() <= needs_.answer_bytes_max || !needs_.keep_answer) {
        work.reply.text = std::move(text);
        return;
    }
    const std::size_t total = text.size();
    const std::string shown(cut_utf8(text, needs_.answer_bytes_max));
    const std::string id = needs_.keep_answer(work.call.caller.principal, std::move(text));
    work.reply.content = {{"cut", true},
                          {"result_id", id},
                          {"total_bytes", total},
                          {"next_offset", shown.size()},
                          {"text", shown},
                          {"more", fmt::format("cut after {} of {} bytes: call result.read with result_id {} and offset {}",
                                               shown.size(), total, id, shown.size())}};
}

// The stages in the order in which a call meets them; the first denial is the one a real call gets.
Json Dispatcher::explain(const call::Call& call) {
    Work asked;  // never run
    asked.tool = needs_.catalogue.find(call.contract->name);
    asked.upstream = asked.tool != nullptr || needs_.upstreams == nullptr ? nullptr
                                                                          : needs_.upstreams->find(call.contract->name);
    asked.call = call;
    Json passages = Json::array();
    std::optional<call::Denial> denial = precheck_.explain(call);
    passages.push_back({{"stage", "precheck"}, {"passed", !denial}, {"note", denial ? denial->reason : ""}});
    if (auto outside = asked.tool == nullptr && !asked.upstream ? std::nullopt : outside_set(asked)) {
        passages.push_back({{"stage", outside->stage}, {"passed", false}, {"note", outside->reason}});
        if (!denial) {
            denial = std::move(outside);
        }
    }
    for (const govern::Passage& passage : needs_.pipeline.explain(call, denial)) {
        passages.push_back({{"stage", passage.stage}, {"passed", passage.passed}, {"note", passage.note}});
    }
    if (auto held = quarantined(asked)) {
        passages.push_back({{"stage", held->stage}, {"passed", false}, {"note", held->reason}});
        if (!denial) {
            denial = std::move(held);
        }
    }
    const bool gone = asked.tool == nullptr && !asked.upstream;
    const auto errors = gone ? std::vector<std::string>() : argument_errors(asked);
    Json answer = {{"allowed", !denial},
                   {"denied_by", denial ? Json(denial->stage) : Json(nullptr)},
                   {"judged_as", {{"principal", call.caller.principal},
                                  {"role", call::name_of(call.caller.role)},
                                  {"contained", call.caller.contained}}},
                   {"passages", passages},
                   {"arguments_valid", errors.empty()},
                   {"argument_errors", errors},
                   {"declared_effects", std::string(call::name_of(call.contract->access))}};
    if (denial) {
        answer["denial"] = govern::to_json(*denial);
    }
    return answer;
}

}  // namespace resonant::dispatch
