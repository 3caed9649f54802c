// The Precheck is step 0 of every call: a fast no, read from live words before anything is written, and
// put into words only when it is sent. It
// is authoritative: what it denies never reaches the pipeline. What it lets through is judged again by
// the stages. (Seed: dispatch core pre-check, native dispatch.)
//
// Threads: any.
//
// Invariants:
//   (1) A denial names the stage whose word it read (maturity, circuit_breaker, rate_limiter) and counts
//       for it.
//   (2) It takes nothing: no call is counted, no probe is used up.
//   (3) An exception inside denies.
#pragma once

#include <optional>
#include <variant>

#include "resonant/call/call.h"
#include "resonant/govern/circuit_breaker.h"
#include "resonant/govern/rate_limiter.h"
#include "resonant/plane/kernel_plane.h"

namespace resonant::dispatch {

class Precheck {
  public:
    Precheck(plane::KernelPlane& plane, govern::CircuitBreaker& breaker, govern::RateLimiter& limiter)
        : plane_(plane), breaker_(breaker), limiter_(limiter) {}
    Precheck(const Precheck&) = delete;
    Precheck& operator=(const Precheck&) = delete;

    // What a live word said, in numbers.
    struct Immature {
        std::uint64_t passed = 0;  // the stage the system has reached
    };
    struct Failed {};
    using Verdict = std::variant<std::monostate, Immature, govern::CircuitBreaker::Refusal,
                                 govern::RateLimiter::Refusal, Failed>;
    static bool passed(const Verdict& verdict) { return std::holds_alternative<std::monostate>(verdict); }

    // Judges at call.at and counts a denial. With a Memo that knows the caller: a few loads.
    Verdict judge(const call::Call& call);
    // The denial that a verdict is, nothing when it passed.
    std::optional<call::Denial> words(const Verdict& verdict, const call::Call& call) const;
    // judge() and words() at once, without counting.
    std::optional<call::Denial> explain(const call::Call& call) const;

  private:
    Verdict look(const call::Call& call) const;

    plane::KernelPlane& plane_;
    govern::CircuitBreaker& breaker_;
    govern::RateLimiter& limiter_;
};

}  // namespace resonant::dispatch
