// A Clock tells the time. Everything that needs time takes one by reference, so that a test can move it.
//
// Any thread.
#pragma once

#include <atomic>

#include "resonant/base/units.h"

namespace resonant {

class Clock {
  public:
    Clock() = default;
    Clock(const Clock&) = delete;
    Clock& operator=(const Clock&) = delete;
    virtual ~Clock() = default;

    // Nanoseconds since the Unix epoch. About 25 ns a call.
    virtual Nanos wall() const = 0;
    // Nanoseconds since boot; never goes back. About 25 ns a call.
    virtual Nanos monotonic() const = 0;
    // Like wall(), a few milliseconds behind it. About 5 ns a call.
    virtual Nanos wall_coarse() const { return wall(); }
};

class SystemClock final : public Clock {
  public:
    Nanos wall() const override;
    Nanos monotonic() const override;
    Nanos wall_coarse() const override;
};

// Stands still until told to move.
class ManualClock final : public Clock {
  public:
    explicit ManualClock(Nanos start = Nanos{1'700'000'000'000'000'000}) : now_(start.count) {}

    Nanos wall() const override { return {now_.load(std::memory_order_acquire)}; }
    Nanos monotonic() const override { return wall(); }
    void advance(Nanos by) { now_.fetch_add(by.count, std::memory_order_acq_rel); }

  private:
    std::atomic<std::int64_t> now_;
};

}  // namespace resonant
