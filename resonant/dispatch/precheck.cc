#include "resonant/dispatch/precheck.h"

#include <fmt/format.h>

#include <exception>

#include "resonant/base/fault.h"
#include "resonant/base/log.h"
#include "resonant/govern/rate_limiter.h"

namespace resonant::dispatch {
namespace {

call::Denial immature(const call::Contract& contract, std::uint64_t stage) {
    return {.code = "immature",
            .stage = "maturity",
            .rule = std::string(call::name_of(contract.maturity)),
            .reason = fmt::format("{} is locked until stage {} ({}); the system has passed stage {}",
                                  contract.name, static_cast<int>(contract.maturity),
                                  call::name_of(contract.maturity), stage),
            .way_out = "call maturity.assess: it says what would unlock the next stage",
            .retry_after_s = {}};
}

call::Denial open_circuit(const call::Contract& contract, const board::BreakerReading& reading) {
    return {.code = "circuit_open",
            .stage = "circuit_breaker",
            .rule = "breaker of " + contract.name,
            .reason = fmt::format("{} failed {} times and rests", contract.name, reading.failures),
            .way_out = "wait, or use another tool; the owner can close it with breaker.reset",
            .retry_after_s = reading.retry_after_s};
}

}  // namespace

std::optional<call::Denial> Precheck::judge(const call::Contract& contract, const call::Caller& caller) {
    try {
        RESONANT_FAULT_POINT("dispatch.precheck");
        return look(contract, caller);
    } catch (const std::exception& error) {
        log().error("precheck of {} threw: {}", contract.name, error.what());
        return call::Denial{.code = "stage_failed",
                            .stage = "precheck",
                            .rule = "a stage that fails denies",
                            .reason = "the precheck failed inside; nothing was run",
                            .way_out = "try again; if it stays, read the kernel's log",
                            .retry_after_s = {}};
    }
}

std::optional<call::Denial> Precheck::look(const call::Contract& contract, const call::Caller& caller) {
    const std::uint64_t stage = plane_.board().view().word(board::Field::MaturityStage);
    if (static_cast<std::uint64_t>(contract.maturity) > stage) {
        return immature(contract, stage);
    }
    const Nanos now = plane_.clock().wall();
    const Result<std::uint32_t> tool = plane_.limits().row("tool:" + contract.name, now);
    if (!tool) {
        return {};  // no row is free: the stages decide, and they fail closed
    }
    const board::BreakerReading breaker = plane_.limits().read_breaker(*tool, now);
    if (breaker.state == board::BreakerState::Open) {
        plane_.limits().count_denial(*tool);
        return open_circuit(contract, breaker);
    }
    return limiter_.peek(contract, caller, now);
}

}  // namespace resonant::dispatch
