#include "resonant/govern/pipeline.h"

#include <fmt/core.h>

#include <exception>

#include "resonant/base/fault.h"
#include "resonant/base/log.h"

namespace resonant::govern {
namespace {

// Names of the stages' fault points, in kOrder.
constexpr std::array<std::string_view, kOrder.size()> kFaultPoints = {
    "govern.sanitizer", "govern.circuit_breaker", "govern.rate_limiter", "govern.roles",
    "govern.maturity",  "govern.governor",        "govern.rules"};

}  // namespace

call::Denial stage_failed(std::string_view stage, std::string_view reason) {
    return {.code = "stage_failed",
            .stage = std::string(stage),
            .rule = "a stage that fails denies",
            .reason = fmt::format("stage {} failed inside, so nothing was run: {}", stage, reason),
            .way_out = "try again; if it stays, the owner finds the cause in the kernel's log",
            .retry_after_s = {}};
}

Json to_json(const call::Denial& denial) {
    Json body = {{"code", denial.code},
                 {"stage", denial.stage},
                 {"rule", denial.rule},
                 {"reason", denial.reason},
                 {"way_out", denial.way_out}};
    if (denial.retry_after_s) {
        body["retry_after_s"] = *denial.retry_after_s;
    }
    return body;
}

Result<std::unique_ptr<Pipeline>> Pipeline::create(std::vector<Stage*> stages, CircuitBreaker& breaker) {
    if (stages.size() != kOrder.size()) {
        return fail(Code::InvalidArgument, fmt::format("build pipeline: {} stages given, {} are needed",
                                                       stages.size(), kOrder.size()));
    }
    for (std::size_t i = 0; i < stages.size(); ++i) {
        if (stages[i] == nullptr || stages[i]->name() != kOrder[i]) {
            return fail(Code::InvalidArgument,
                        fmt::format("build pipeline: stage {} is {}, it must be {}", i + 1,
                                    stages[i] == nullptr ? "missing" : stages[i]->name(), kOrder[i]));
        }
    }
    if (stages[1] != &breaker) {
        return fail(Code::InvalidArgument, "build pipeline: the breaker given is not the one in the row");
    }
    return std::unique_ptr<Pipeline>(new Pipeline(std::move(stages), breaker));
}

Pipeline::Pipeline(std::vector<Stage*> stages, CircuitBreaker& breaker)
    : stages_(std::move(stages)), breaker_(breaker) {}

std::optional<call::Denial> Pipeline::ask(std::size_t index, const call::Call& call, Look look,
                                          std::string& note) {
    Stage& stage = *stages_[index];
    try {
        RESONANT_FAULT_POINT(kFaultPoints[index]);
        return stage.judge(call, look, note);
    } catch (const std::exception& error) {
        log().error("stage {} failed on {}: {}", stage.name(), call.contract->name, error.what());
        return stage_failed(stage.name(), error.what());
    } catch (...) {
        log().error("stage {} failed on {}: an unknown exception", stage.name(), call.contract->name);
        return stage_failed(stage.name(), "an unknown exception");
    }
}

std::optional<call::Denial> Pipeline::judge(const call::Call& call, std::vector<Passage>& passages) {
    passages.clear();
    std::string note;
    for (std::size_t i = 0; i < stages_.size(); ++i) {
        note.clear();
        std::optional<call::Denial> denial = ask(i, call, Look::Take, note);
        if (denial) {
            passages.push_back({std::string(kOrder[i]), false, denial->reason});
            return denial;
        }
        if (!note.empty()) {
            passages.push_back({std::string(kOrder[i]), true, note});
        }
    }
    return admit(call, passages);
}

// Everybody has passed it: only now is the probe of a half-open breaker claimed.
std::optional<call::Denial> Pipeline::admit(const call::Call& call, std::vector<Passage>& passages) {
    std::optional<call::Denial> denial;
    try {
        denial = breaker_.admit(call);
    } catch (const std::exception& error) {
        log().error("stage {} failed on {}: {}", kCircuitBreaker, call.contract->name, error.what());
        denial = stage_failed(kCircuitBreaker, error.what());
    }
    if (denial) {
        passages.push_back({std::string(kCircuitBreaker), false, denial->reason});
    }
    return denial;
}

board::BreakerState Pipeline::settle(const call::Call& call, Settled settled) {
    return breaker_.settle(call, settled);
}

std::vector<Passage> Pipeline::explain(const call::Call& call, std::optional<call::Denial>& first) {
    std::vector<Passage> passages;
    for (std::size_t i = 0; i < stages_.size(); ++i) {
        std::string note;
        std::optional<call::Denial> denial = ask(i, call, Look::Peek, note);
        passages.push_back({std::string(kOrder[i]), !denial, denial ? denial->reason : note});
        if (!first) {
            first = std::move(denial);
        }
    }
    return passages;
}

}  // namespace resonant::govern
