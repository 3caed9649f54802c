#include "resonant/board/limit_words.h"

#include <algorithm>

namespace resonant::board {
namespace {

std::uint64_t millis_up(Nanos at) { return (words::since_1970(at) + 999'999) / 1'000'000; }

}  // namespace

Breaker Breaker::settled(bool success, const BreakerPolicy& policy, Nanos now) const {
    const Breaker opened{BreakerState::Open, failures, millis_up(now + policy.cooldown)};
    if (state == BreakerState::HalfOpen) {
        return success ? Breaker{} : opened;
    }
    if (state == BreakerState::Open || success) {
        return *this;
    }
    const bool counting = failures > 0 && words::since_1970(now) < until_ms * 1'000'000;
    Breaker next =
        counting ? *this : Breaker{BreakerState::Closed, 0, millis_up(now + policy.window)};
    ++next.failures;
    if (next.failures >= std::clamp(policy.failures_max, 1U, words::kFailuresMask)) {
        return {BreakerState::Open, next.failures, opened.until_ms};
    }
    return next;
}

Breaker Breaker::probing(const BreakerPolicy& policy, Nanos now) const {
    return {BreakerState::HalfOpen, failures, millis_up(now + policy.cooldown)};
}

}  // namespace resonant::board
