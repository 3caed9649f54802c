#include "resonant/govern/circuit_breaker.h"

#include <fmt/core.h>

#include "resonant/govern/rate_limiter.h"
#include "resonant/govern/remembered.h"
#include "resonant/govern/rules.h"

namespace resonant::govern {
namespace {

call::Denial open_circuit(const call::Contract& contract, const board::BreakerReading& reading,
                          const board::BreakerPolicy& policy) {
    const bool probing = reading.state == board::BreakerState::HalfOpen;
    return {.code = "circuit_open",
            .stage = std::string(kCircuitBreaker),
            .rule = fmt::format("{} failures in {:.0f} s", policy.failures_max, policy.window.seconds()),
            .reason = probing ? fmt::format("{} failed lately and one call is trying it now", contract.name)
                              : fmt::format("{} failed {} times lately and is given a rest", contract.name,
                                            reading.failures),
            .way_out = "try again after retry_after_s, or use another tool; the owner can close it with breaker.reset",
            .retry_after_s = probing ? 1.0 : reading.retry_after_s};
}

std::uint32_t row_of(board::LimitsTable& limits, std::string_view tool, Nanos now) {
    return handle_of(limits, now, "tool:{}", tool).row;
}

std::uint32_t row_of(board::LimitsTable& limits, const call::Call& call, Nanos now) {
    if (call.memo == nullptr || call.contract->id >= call.memo->tools.size()) {
        return row_of(limits, call.contract->name, now);
    }
    return remembered_row(limits, call.memo->tools[call.contract->id].breaker_row,
                          [&] { return handle_of(limits, now, "tool:{}", call.contract->name); });
}

}  // namespace

// No default: a new code does not compile before somebody says whose fault it is.
Fault fault_of(Code code) {
    switch (code) {
        case Code::InvalidArgument:
        case Code::NotFound:
        case Code::PermissionDenied: return Fault::Caller;
        case Code::AlreadyExists:
        case Code::Conflict:
        case Code::ResourceExhausted:
        case Code::Unimplemented:
        case Code::InputRequired: return Fault::Nobody;
        case Code::Internal:
        case Code::Unavailable:
        case Code::DataLoss:
        case Code::Timeout: return Fault::Tool;
    }
    return Fault::Tool;
}

Settled settled_by(Code code) { return fault_of(code) == Fault::Tool ? Settled::Failed : Settled::Answered; }

CircuitBreaker::CircuitBreaker(board::LimitsTable& limits, Clock& clock, const Rules& policy)
    : limits_(limits), clock_(clock), policy_(policy) {}

std::optional<call::Denial> CircuitBreaker::judge(const call::Call& call, Look look, std::string&) {
    const Nanos now = clock_.wall();
    const std::optional<Refusal> refusal = this->look(call, now);
    if (!refusal) {
        return std::nullopt;
    }
    if (look == Look::Take) {
        count(*refusal);
    }
    return words(*refusal, call);
}

std::optional<CircuitBreaker::Refusal> CircuitBreaker::look(const call::Call& call, Nanos now) const {
    const std::uint32_t row = row_of(limits_, call, now);
    const board::BreakerReading reading = limits_.read_breaker(row, now);
    return reading.state == board::BreakerState::Open ? std::optional<Refusal>({row, reading}) : std::nullopt;
}

call::Denial CircuitBreaker::words(const Refusal& refusal, const call::Call& call) const {
    return open_circuit(*call.contract, refusal.reading, policy_.breaker_policy(call.contract->name));
}

std::optional<call::Denial> CircuitBreaker::admit(const call::Call& call) {
    const Nanos now = clock_.wall();
    const std::uint32_t row = row_of(limits_, call, now);
    const board::BreakerPolicy policy = policy_.breaker_policy(call.contract->name);
    const board::BreakerReading reading = limits_.enter(row, policy, now);
    if (reading.state != board::BreakerState::Open) {
        return std::nullopt;
    }
    limits_.count_denial(row);
    // It was closed or half-open a moment ago: another call took the probe or just failed.
    board::BreakerReading lost = reading;
    lost.state = reading.retry_after_s > 0 ? board::BreakerState::Open : board::BreakerState::HalfOpen;
    return open_circuit(*call.contract, lost, policy);
}

board::BreakerState CircuitBreaker::settle(const call::Call& call, Settled settled) {
    const Nanos now = clock_.wall();
    const std::uint32_t row = row_of(limits_, call, now);
    const board::BreakerState state = limits_.read_breaker(row, now).state;
    if (settled == Settled::NotRun && state == board::BreakerState::Closed) {
        return state;
    }
    // A probe that did not run has proved nothing: the breaker opens again for another cooldown.
    return limits_.settle(row, settled == Settled::Answered, policy_.breaker_policy(call.contract->name), now);
}

board::BreakerReading CircuitBreaker::read(std::string_view tool) const {
    const Nanos now = clock_.wall();
    return limits_.read_breaker(row_of(limits_, tool, now), now);
}

Status CircuitBreaker::reset(std::string_view tool) {
    RESONANT_ASSIGN(const std::uint32_t row, limits_.row(tool_key(tool), clock_.wall()));
    limits_.reset_breaker(row);
    return {};
}

}  // namespace resonant::govern
