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

}  // namespace resonant::board
