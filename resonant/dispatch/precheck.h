// The Precheck is step 0 of every call: a fast no, read from live words before anything is written. It
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

    std::optional<call::Denial> judge(const call::Call& call);
    // The same without counting a denial.
    std::optional<call::Denial> explain(const call::Call& call);

  private:
    std::optional<call::Denial> look(const call::Call& call);

    plane::KernelPlane& plane_;
    govern::CircuitBreaker& breaker_;
    govern::RateLimiter& limiter_;
};

}  // namespace resonant::dispatch
