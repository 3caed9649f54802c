#include "resonant/dispatch/precheck.h"

#include <fmt/format.h>

#include <exception>

#include "resonant/base/fault.h"
#include "resonant/base/log.h"

namespace resonant::dispatch {

using govern::Look;

std::optional<call::Denial> Precheck::judge(const call::Call& call) {
    try {
        RESONANT_FAULT_POINT("dispatch.precheck");
        std::optional<call::Denial> denial = look(call);
        if (denial && denial->stage == govern::kRateLimiter) {
            std::string note;
            limiter_.judge(call, Look::Take, note);  // counts the denial; takes nothing
        }
        return denial;
    } catch (const std::exception& error) {
        log().error("precheck of {} threw: {}", call.contract->name, error.what());
        return call::Denial{.code = "stage_failed",
                            .stage = "precheck",
                            .rule = "a stage that fails denies",
                            .reason = "the precheck failed inside; nothing was run",
                            .way_out = "try again; if it stays, read the kernel's log",
                            .retry_after_s = {}};
    }
}

std::optional<call::Denial> Precheck::explain(const call::Call& call) { return look(call); }

std::optional<call::Denial> Precheck::look(const call::Call& call) {
    const call::Contract& contract = *call.contract;
    const std::uint64_t passed = plane_.board().view().word(board::Field::MaturityStage);
    if (static_cast<std::uint64_t>(contract.maturity) > passed) {
        return call::Denial{
            .code = "immature",
            .stage = std::string(govern::kMaturity),
            .rule = fmt::format("stage {}", call::name_of(contract.maturity)),
            .reason = fmt::format("{} needs stage {} ({}), the system has passed stage {}", contract.name,
                                  static_cast<int>(contract.maturity), call::name_of(contract.maturity), passed),
            .way_out = "call maturity.assess: it says what unlocks the next stage",
            .retry_after_s = {}};
    }
    std::string note;
    if (auto denial = breaker_.judge(call, Look::Peek, note)) {
        return denial;
    }
    return limiter_.judge(call, Look::Peek, note);
}

}  // namespace resonant::dispatch
