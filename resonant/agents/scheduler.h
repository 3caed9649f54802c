// The Scheduler is the one thread that wakes monitors. It sleeps behind the ring; woken, it takes
// one board snapshot, checks the fields that monitors watch, escalates what fired and publishes
// MonitorTriggered for each. While nobody watches anything it does not listen, and costs nothing.
//
// Threads and processes: start() and stop() from one thread of the kernel; the rest from any.
//
// Invariants:
//   (1) A publisher pays for waking it at most once per kCyclePause: between cycles it does not
//       listen.
//   (2) Every watched field is checked at each cycle, at the latest ten of the plane's naps after the last one.
//   (3) One snapshot serves a whole cycle.
#pragma once

#include <cstdint>
#include <memory>

#include "resonant/agents/monitors.h"
#include "resonant/agents/reasoners.h"
#include "resonant/plane/kernel_plane.h"

namespace resonant::agents {

inline constexpr Nanos kCyclePause = from_millis(5);

class Scheduler {
  public:
    struct Stats {
        std::uint64_t cycles = 0;
        std::uint64_t events = 0;  // read from the ring
        std::uint64_t lost =
            0;  // overwritten before they were read; costs nothing, see invariant (2)
        std::uint64_t crossings = 0;  // monitors that fired
    };

    Scheduler(plane::KernelPlane& plane, Monitors& monitors, Reasoners& reasoners);
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;
    ~Scheduler();  // stops

    void start();
    void stop();
    // Wakes the thread at once, after a spawn.
    void nudge();
    // One cycle on the caller's thread: returns how many monitors fired. The thread runs it in a
    // loop, so call it only while that is stopped.
    std::size_t cycle();
    Stats stats() const;

  private:
    struct Inner;
    std::unique_ptr<Inner> inner_;
};

}  // namespace resonant::agents
