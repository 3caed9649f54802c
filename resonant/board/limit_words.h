// The two packed words on which calls are decided, as plain values: what they hold and how they
// change. LimitsTable keeps them in shared memory and changes them by compare-exchange.
//
// Any thread; pure functions.
//
//   window word   bits 48..63 number of the minute (low 16 bits) | 24..47 calls in the minute
//                 before | 0..23 calls in this minute
//   breaker word  bits 62..63 state | 48..61 failures | 0..47 until, in ms since 1970: closed =
//                 when the failures stop counting, open = when a probe may go, half-open = when
//                 the probe is given up
#pragma once

#include <algorithm>
#include <cstdint>

#include "resonant/board/limits.h"

namespace resonant::board {

struct Window {
    std::uint16_t minute = 0;
    std::uint32_t before = 0;
    std::uint32_t here = 0;

    static Window unpack(std::uint64_t word);
    std::uint64_t pack() const;
    // The window as it stands at `now`: minutes that have gone by moved out.
    Window at(Nanos now) const;
    // Whether one more call is within `limit` at `now`, and when it would be.
    LimitReading read(std::uint32_t limit, Nanos now) const;
};

struct Breaker {
    BreakerState state = BreakerState::Closed;
    std::uint32_t failures = 0;
    std::uint64_t until_ms = 0;

    static Breaker unpack(std::uint64_t word);
    std::uint64_t pack() const;
    BreakerReading read(Nanos now) const;
    // After a call: see LimitsTable::settle().
    Breaker settled(bool success, const BreakerPolicy& policy, Nanos now) const;
    // As the probe: half-open until one cooldown from now.
    Breaker probing(const BreakerPolicy& policy, Nanos now) const;
};

// Inline, because every call is judged by them.
namespace words {

inline constexpr std::uint64_t kWindow = static_cast<std::uint64_t>(kLimitWindow.count);
inline constexpr std::uint64_t kCallsMask = kCallsMax;
inline constexpr std::uint64_t kUntilMask = (std::uint64_t{1} << 48) - 1;
constexpr std::uint32_t kFailuresMask = (1U << 14) - 1;

inline std::uint64_t since_1970(Nanos now) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(now.count, 0));
}

// Half a nanosecond more than the wait, so that from_seconds() of it, which cuts, is the wait
// again.
inline double seconds_of_wait(std::uint64_t wait_ns) {
    return (static_cast<double>(wait_ns) + 0.5) * 1e-9;
}

// Products of calls and nanoseconds stay below 2^60.
inline std::uint64_t divide_up(std::uint64_t value, std::uint64_t by) { return (value + by - 1) / by; }

// The earliest moment of a minute at which `before` calls of the minute before leave `room` calls
// free. before * (window - elapsed) <= room * window.
inline std::uint64_t elapsed_until_room(std::uint32_t before, std::uint64_t room) {
    if (before <= room) {
        return 0;
    }
    return divide_up(static_cast<std::uint64_t>(before - room) * kWindow, before);
}

}  // namespace words

inline Window Window::unpack(std::uint64_t word) {
    return {static_cast<std::uint16_t>(word >> 48),
            static_cast<std::uint32_t>(word >> 24 & words::kCallsMask),
            static_cast<std::uint32_t>(word & words::kCallsMask)};
}

inline std::uint64_t Window::pack() const {
    return static_cast<std::uint64_t>(minute) << 48 | static_cast<std::uint64_t>(before) << 24 |
           here;
}

inline Window Window::at(Nanos now) const {
    const auto current = static_cast<std::uint16_t>(words::since_1970(now) / words::kWindow);
    if (minute == current) {
        return *this;
    }
    if (static_cast<std::uint16_t>(minute + 1) == current) {
        return {current, here, 0};
    }
    return {current, 0, 0};
}

inline LimitReading Window::read(std::uint32_t limit, Nanos now) const {
    const Window window = at(now);
    const std::uint64_t elapsed = words::since_1970(now) % words::kWindow;
    limit = std::min(limit, kCallsMax);
    const auto weighted = static_cast<std::uint64_t>(window.before) * (words::kWindow - elapsed);
    const std::uint64_t used = window.here + words::divide_up(weighted, words::kWindow);
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
                                      ? words::elapsed_until_room(window.before, room - window.here)
                                      : words::kWindow + words::elapsed_until_room(window.here, room);
    reading.retry_after_s = words::seconds_of_wait(free_at - elapsed);
    return reading;
}

inline Breaker Breaker::unpack(std::uint64_t word) {
    return {static_cast<BreakerState>(std::min<std::uint64_t>(word >> 62, 2)),
            static_cast<std::uint32_t>(word >> 48) & words::kFailuresMask, word & words::kUntilMask};
}

inline std::uint64_t Breaker::pack() const {
    return static_cast<std::uint64_t>(state) << 62 |
           static_cast<std::uint64_t>(std::min(failures, words::kFailuresMask)) << 48 |
           (until_ms & words::kUntilMask);
}

inline BreakerReading Breaker::read(Nanos now) const {
    const std::uint64_t now_ns = words::since_1970(now);
    const bool over = now_ns >= until_ms * 1'000'000;
    if (state == BreakerState::Closed) {
        return {BreakerState::Closed, over ? 0 : failures, 0};
    }
    if (over) {
        return {BreakerState::HalfOpen, failures, 0};
    }
    return {BreakerState::Open, failures, words::seconds_of_wait(until_ms * 1'000'000 - now_ns)};
}

}  // namespace resonant::board
