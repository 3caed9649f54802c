#include "resonant/board/limit_words.h"

#include <algorithm>

namespace resonant::board {
namespace {

constexpr std::uint64_t kWindow = static_cast<std::uint64_t>(kLimitWindow.count);
constexpr std::uint64_t kCallsMask = kCallsMax;
constexpr std::uint64_t kUntilMask = (std::uint64_t{1} << 48) - 1;
constexpr std::uint32_t kFailuresMask = (1U << 14) - 1;

std::uint64_t since_1970(Nanos now) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(now.count, 0));
}

// Half a nanosecond more than the wait, so that from_seconds() of it, which cuts, is the wait
// again.
double seconds_of_wait(std::uint64_t wait_ns) {
    return (static_cast<double>(wait_ns) + 0.5) * 1e-9;
}

// Products of calls and nanoseconds stay below 2^60.
std::uint64_t divide_up(std::uint64_t value, std::uint64_t by) { return (value + by - 1) / by; }

// The earliest moment of a minute at which `before` calls of the minute before leave `room` calls
// free. before * (window - elapsed) <= room * window.
std::uint64_t elapsed_until_room(std::uint32_t before, std::uint64_t room) {
    if (before <= room) {
        return 0;
    }
    return divide_up(static_cast<std::uint64_t>(before - room) * kWindow, before);
}

std::uint64_t millis_up(Nanos at) { return (since_1970(at) + 999'999) / 1'000'000; }

}  // namespace

Window Window::unpack(std::uint64_t word) {
    return {static_cast<std::uint16_t>(word >> 48),
            static_cast<std::uint32_t>(word >> 24 & kCallsMask),
            static_cast<std::uint32_t>(word & kCallsMask)};
}

std::uint64_t Window::pack() const {
    return static_cast<std::uint64_t>(minute) << 48 | static_cast<std::uint64_t>(before) << 24 |
           here;
}

Window Window::at(Nanos now) const {
    const auto current = static_cast<std::uint16_t>(since_1970(now) / kWindow);
    if (minute == current) {
        return *this;
    }
    if (static_cast<std::uint16_t>(minute + 1) == current) {
        return {current, here, 0};
    }
    return {current, 0, 0};
}

LimitReading Window::read(std::uint32_t limit, Nanos now) const {
    const Window window = at(now);
    const std::uint64_t elapsed = since_1970(now) % kWindow;
    limit = std::min(limit, kCallsMax);
    const auto weighted = static_cast<std::uint64_t>(window.before) * (kWindow - elapsed);
    const std::uint64_t used = window.here + divide_up(weighted, kWindow);
    LimitReading reading;
    reading.limit = limit;
    reading.used = static_cast<std::uint32_t>(used);
    reading.allowed = used < limit;
    if (reading.allowed || limit == 0) {
        return reading;
    }
    // In this minute if only what came before is in the way, else in the next, where `here` is
    // before.
    const std::uint64_t room = limit - 1;
    const std::uint64_t free_at = window.here <= room
                                      ? elapsed_until_room(window.before, room - window.here)
                                      : kWindow + elapsed_until_room(window.here, room);
    reading.retry_after_s = seconds_of_wait(free_at - elapsed);
    return reading;
}

Breaker Breaker::unpack(std::uint64_t word) {
    return {static_cast<BreakerState>(std::min<std::uint64_t>(word >> 62, 2)),
            static_cast<std::uint32_t>(word >> 48) & kFailuresMask, word & kUntilMask};
}

std::uint64_t Breaker::pack() const {
    return static_cast<std::uint64_t>(state) << 62 |
           static_cast<std::uint64_t>(std::min(failures, kFailuresMask)) << 48 |
           (until_ms & kUntilMask);
}

BreakerReading Breaker::read(Nanos now) const {
    const std::uint64_t now_ns = since_1970(now);
    const bool over = now_ns >= until_ms * 1'000'000;
    if (state == BreakerState::Closed) {
        return {BreakerState::Closed, over ? 0 : failures, 0};
    }
    if (over) {
        return {BreakerState::HalfOpen, failures, 0};
    }
    return {BreakerState::Open, failures, seconds_of_wait(until_ms * 1'000'000 - now_ns)};
}

Breaker Breaker::settled(bool success, const BreakerPolicy& policy, Nanos now) const {
    const Breaker opened{BreakerState::Open, failures, millis_up(now + policy.cooldown)};
    if (state == BreakerState::HalfOpen) {
        return success ? Breaker{} : opened;
    }
    if (state == BreakerState::Open || success) {
        return *this;
    }
    const bool counting = failures > 0 && since_1970(now) < until_ms * 1'000'000;
    Breaker next =
        counting ? *this : Breaker{BreakerState::Closed, 0, millis_up(now + policy.window)};
    ++next.failures;
    if (next.failures >= std::clamp(policy.failures_max, 1U, kFailuresMask)) {
        return {BreakerState::Open, next.failures, opened.until_ms};
    }
    return next;
}

Breaker Breaker::probing(const BreakerPolicy& policy, Nanos now) const {
    return {BreakerState::HalfOpen, failures, millis_up(now + policy.cooldown)};
}

}  // namespace resonant::board
