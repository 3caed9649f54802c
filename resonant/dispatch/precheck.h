// The Precheck is step 0 of every call: a fast no, read from live words before anything is allocated,
// parsed or written. It is authoritative: what it denies never reaches the pipeline. What it lets
// through is judged again by the stages. (Seed: dispatch core pre-check, native dispatch.)
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

#include "resonant/base/clock.h"
#include "resonant/call/call.h"
#include "resonant/plane/kernel_plane.h"

namespace resonant::dispatch {

class Precheck {
  public:
    explicit Precheck(plane::KernelPlane& plane) : plane_(plane) {}
    Precheck(const Precheck&) = delete;
    Precheck& operator=(const Precheck&) = delete;

    std::optional<call::Denial> judge(const call::Contract& contract, const call::Caller& caller);

  private:
    std::optional<call::Denial> look(const call::Contract& contract, const call::Caller& caller);

    plane::KernelPlane& plane_;
};

}  // namespace resonant::dispatch
