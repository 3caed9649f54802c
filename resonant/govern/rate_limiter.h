// The RateLimiter stage bounds calls a minute: of one agent in all, and of one agent to one tool. Its
// words are rows of the LimitsTable, keys "agent:<principal>" and "agent:<principal>/tool:<name>".
//
// Threads: any, at once.
//
// Invariants:
//   (1) A refused call costs the caller nothing: it is counted as a denial, not as a call.
//   (2) retry_after_s is exact: a call at that time is let through, if nobody else comes first.
#pragma once

#include "resonant/base/clock.h"
#include "resonant/board/limits.h"
#include "resonant/govern/stage.h"

namespace resonant::govern {

class Rules;

inline constexpr std::uint32_t kAgentCallsPerMinute = 1'200;

class RateLimiter final : public Stage {
  public:
    // Limits: the policy's `limits:` section, else the contract's and kAgentCallsPerMinute.
    RateLimiter(board::LimitsTable& limits, Clock& clock, const Rules& policy);

    std::string_view name() const override { return kRateLimiter; }
    std::optional<call::Denial> judge(const call::Call& call, Look look, std::string& note) override;

    // A refusal in numbers, so that it costs no words until somebody reads it.
    struct Refusal {
        bool by_tool = false;        // else by the sum over all tools
        std::uint32_t row = 0;       // where it is counted
        board::LimitReading reading;
    };
    // What judge() would refuse at `now`. Takes and counts nothing. With a Memo that knows the caller it
    // is a few loads.
    std::optional<Refusal> look(const call::Call& call, Nanos now) const;
    void count(const Refusal& refusal) { limits_.count_denial(refusal.row); }
    static call::Denial words(const Refusal& refusal, const call::Call& call);

    struct Budget {
        board::LimitReading agent;
        board::LimitReading tool;
        std::uint64_t agent_denials = 0;
        std::uint64_t tool_denials = 0;
    };
    // What is left for a principal, and for one tool of it. Changes nothing.
    Budget budget(std::string_view principal, const call::Contract& contract) const;

  private:
    struct Row {
        std::uint32_t number = 0;
        std::uint32_t limit = 0;
    };
    struct Rows {
        Row agent;
        Row tool;
    };
    Rows rows_of(const call::Call& call, Nanos now) const;

    board::LimitsTable& limits_;
    Clock& clock_;
    const Rules& policy_;
};

// The keys of the rows, as documented in docs/formats/policy.md.
std::string tool_key(std::string_view tool);
std::string agent_key(std::string_view principal);
std::string agent_tool_key(std::string_view principal, std::string_view tool);

}  // namespace resonant::govern
