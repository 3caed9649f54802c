#include "resonant/dispatch/precheck.h"

#include <fmt/core.h>

#include <exception>

#include "resonant/base/fault.h"
#include "resonant/base/log.h"

namespace resonant::dispatch {
namespace {

call::Denial words_of(const Precheck::Immature& verdict, const call::Contract& contract) {
    return {.code = "immature",
            .stage = std::string(govern::kMaturity),
            .rule = fmt::format("stage {}", call::name_of(contract.maturity)),
            .reason = fmt::format("{} needs stage {} ({}), the system has passed stage {}", contract.name,
                                  static_cast<int>(contract.maturity), call::name_of(contract.maturity),
                                  verdict.passed),
            .way_out = "call maturity.assess: it says what unlocks the next stage",
            .retry_after_s = {}};
}

call::Denial words_of_failure() {
    return {.code = "stage_failed",
            .stage = "precheck",
            .rule = "a stage that fails denies",
            .reason = "the precheck failed inside; nothing was run",
            .way_out = "try again; if it stays, read the kernel's log",
            .retry_after_s = {}};
}

}  // namespace

Precheck::Verdict Precheck::judge(const call::Call& call) {
    try {
        RESONANT_FAULT_POINT("dispatch.precheck");
        const Verdict verdict = look(call);
        if (const auto* limited = std::get_if<govern::RateLimiter::Refusal>(&verdict)) {
            limiter_.count(*limited);
        } else if (const auto* open = std::get_if<govern::CircuitBreaker::Refusal>(&verdict)) {
            breaker_.count(*open);
        }
        return verdict;
    } catch (const std::exception& error) {
        log().error("precheck of {} threw: {}", call.contract->name, error.what());
        return Failed{};
    }
}

std::optional<call::Denial> Precheck::words(const Verdict& verdict, const call::Call& call) const {
    if (const auto* limited = std::get_if<govern::RateLimiter::Refusal>(&verdict)) {
        return govern::RateLimiter::words(*limited, call);
    }
    if (const auto* open = std::get_if<govern::CircuitBreaker::Refusal>(&verdict)) {
        return breaker_.words(*open, call);
    }
    if (const auto* immature = std::get_if<Immature>(&verdict)) {
        return words_of(*immature, *call.contract);
    }
    return passed(verdict) ? std::nullopt : std::optional(words_of_failure());
}

std::optional<call::Denial> Precheck::explain(const call::Call& call) const { return words(look(call), call); }

Precheck::Verdict Precheck::look(const call::Call& call) const {
    const std::uint64_t stage = plane_.board().view().word(board::Field::MaturityStage);
    if (static_cast<std::uint64_t>(call.contract->maturity) > stage) {
        return Immature{stage};
    }
    if (const auto refusal = breaker_.look(call, call.at)) {
        return *refusal;
    }
    if (const auto refusal = limiter_.look(call, call.at)) {
        return *refusal;
    }
    return {};
}

}  // namespace resonant::dispatch
