// The CircuitBreaker stage keeps calls from a tool that keeps failing. Its words are rows of the
// LimitsTable, key "tool:<name>"; it remembers nothing else.
//
// Threads: any, at once.
//
// Invariants:
//   (1) Only failures of the server count: Internal, Unavailable, DataLoss, Timeout. A caller's mistake
//       is an answer, and an answer proves that the tool works.
//   (2) judge() only reads. The one probe that a half-open breaker admits is claimed by admit(), after
//       every other stage has passed, so that a denied call never holds it.
#pragma once

#include "resonant/base/clock.h"
#include "resonant/board/limits.h"
#include "resonant/govern/stage.h"

namespace resonant::govern {

class Rules;

enum class Settled : std::uint8_t {
    Answered,  // the tool did its work, or told the caller what is wrong with the question
    Failed,    // the server's fault
    NotRun,    // denied behind the pipeline (ledger) or cancelled before the handler
};

// Who is at fault when a tool fails with `code`. A tool that meets what its caller gave (a damaged file, a name that
// is none, a client that cannot be asked) answers with a code of the caller's, whatever broke inside.
enum class Fault : std::uint8_t {
    Nobody,  // somebody else was first, a limit was reached, there is a question to answer
    Caller,  // asking otherwise helps
    Tool,    // only we, or the server behind the tool, can mend it
};
Fault fault_of(Code code);
// Failed where the tool is at fault, else Answered.
Settled settled_by(Code code);

class CircuitBreaker final : public Stage {
  public:
    // Thresholds come from the policy (`breaker:` section), read at each call. Wall clock, as the table wants.
    CircuitBreaker(board::LimitsTable& limits, Clock& clock, const Rules& policy);

    std::string_view name() const override { return kCircuitBreaker; }
    std::optional<call::Denial> judge(const call::Call& call, Look look, std::string& note) override;

    // A refusal in numbers, so that it costs no words until somebody reads it.
    struct Refusal {
        std::uint32_t row = 0;  // where it is counted
        board::BreakerReading reading;
    };
    // What judge() would refuse at `now`. Counts nothing.
    std::optional<Refusal> look(const call::Call& call, Nanos now) const;
    void count(const Refusal& refusal) { limits_.count_denial(refusal.row); }
    call::Denial words(const Refusal& refusal, const call::Call& call) const;

    // Claims the probe of a half-open breaker; a denial when another call holds it.
    std::optional<call::Denial> admit(const call::Call& call);
    board::BreakerState settle(const call::Call& call, Settled settled);
    board::BreakerReading read(std::string_view tool) const;
    Status reset(std::string_view tool);

  private:
    board::LimitsTable& limits_;
    Clock& clock_;
    const Rules& policy_;
};

}  // namespace resonant::govern
