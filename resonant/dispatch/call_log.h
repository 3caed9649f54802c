// The CallLog notes in the process's log which calls were refused, and which failed though they were let through: the
// tool, who called and why. Never arguments, answers or error texts: they may hold what people keep here.
//
// Threads: any.
//
// Invariants:
//   (1) A flood of refusals writes at most kLinesInARow lines at once and one a second after; how many were left out
//       is noted with the next line.
//   (2) What the caller got wrong (arguments, names) is an answer to the caller and is not noted.
#pragma once

#include <cstdint>
#include <mutex>

#include "resonant/base/clock.h"
#include "resonant/base/result.h"
#include "resonant/call/call.h"

namespace resonant::dispatch {

class CallLog {
  public:
    static constexpr std::int64_t kLinesInARow = 20;

    explicit CallLog(Clock& clock) : clock_(clock) {}
    CallLog(const CallLog&) = delete;
    CallLog& operator=(const CallLog&) = delete;

    void refused(const call::Call& call, const call::Denial& denial);
    void failed(const call::Call& call, Code code);

  private:
    bool take_line();

    Clock& clock_;
    std::mutex mutex_;
    std::int64_t lines_ = kLinesInARow;  // that may be written now
    Nanos filled_{};                     // when one was last added
    std::uint64_t left_out_ = 0;
};

}  // namespace resonant::dispatch
