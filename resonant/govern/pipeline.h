// The Pipeline is the row of stages a call passes: sanitizer, circuit breaker, rate limiter, roles,
// maturity, governor, rules. It fails closed: a stage that throws denies. (Seed: the 8-stage pipeline;
// its eighth stage, the ledger's intent, is Ledger::intent inside the transaction.)
//
// Threads: any, at once. The stages outlive the pipeline.
//
// Invariants:
//   (1) The order is kOrder; a pipeline of anything else is not built.
//   (2) A call that judge() let through is settled exactly once, whatever became of it.
//   (3) A denial names its stage and what would help.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "resonant/govern/circuit_breaker.h"
#include "resonant/govern/stage.h"

namespace resonant::govern {

inline constexpr std::array<std::string_view, 7> kOrder = {
    kSanitizer, kCircuitBreaker, kRateLimiter, kRoles, kMaturity, kGovernor, kRules};

class Pipeline {
  public:
    // `stages` in kOrder; the breaker is one of them. InvalidArgument when the order is another.
    static Result<std::unique_ptr<Pipeline>> create(std::vector<Stage*> stages, CircuitBreaker& breaker);
    Pipeline(const Pipeline&) = delete;
    Pipeline& operator=(const Pipeline&) = delete;

    // Runs the stages until one denies. `passages` is cleared and gets one entry for each stage that
    // had something to say (a note, or the denial). No allocation when all pass in silence.
    std::optional<call::Denial> judge(const call::Call& call, std::vector<Passage>& passages);

    // What became of a call that judge() let through: moves the breaker. Returns its state after.
    board::BreakerState settle(const call::Call& call, Settled settled);

    // Every stage's answer to this call, also of those behind a denial; changes nothing. The first denial goes to
    // `first`, when there is none in it yet.
    std::vector<Passage> explain(const call::Call& call, std::optional<call::Denial>& first);

  private:
    Pipeline(std::vector<Stage*> stages, CircuitBreaker& breaker);
    std::optional<call::Denial> ask(std::size_t index, const call::Call& call, Look look, std::string& note);
    std::optional<call::Denial> admit(const call::Call& call, std::vector<Passage>& passages);

    std::vector<Stage*> stages_;
    CircuitBreaker& breaker_;
};

// The denial that a stage's exception becomes.
call::Denial stage_failed(std::string_view stage, std::string_view reason);
// A denial as the JSON body of an error answer: code, stage, rule, reason, way_out, retry_after_s.
Json to_json(const call::Denial& denial);

}  // namespace resonant::govern
