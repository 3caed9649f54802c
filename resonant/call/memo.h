// A Memo is what the judges remember of one principal between its calls, so that they need not look it up
// by name again: numbers of rows in the limits table and the limits that hold. Each word says of itself
// whether it is still true (a row's generation, a policy's version), so a stale one costs a lookup and
// never a wrong answer. Nothing is decided here.
//
// Threads: any, at once; each word is written whole, relaxed: both values of a race are true.
// Cost: 12 KiB, made at a principal's first call.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "resonant/call/contract.h"

namespace resonant::call {

struct Memo {
    // Two halves that are read and written together; zero: nothing is known.
    using Word = std::atomic<std::uint64_t>;
    struct Allowance {
        Word row{0};    // generation << 32 | row + 1
        Word limit{0};  // version of the policy << 32 | calls a minute
    };
    struct Tool {
        Word breaker_row{0};
        Allowance allowance;
    };

    Allowance agent;
    std::array<Tool, kToolsMax> tools;  // by Contract::id, which is never given to a second tool
};

}  // namespace resonant::call
