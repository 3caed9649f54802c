#include "resonant/base/clock.h"

#include <ctime>

namespace resonant {
namespace {

Nanos read_clock(clockid_t id) {
    timespec now{};
    clock_gettime(id, &now);
    return {static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec};
}

}  // namespace

Nanos SystemClock::wall() const { return read_clock(CLOCK_REALTIME); }
Nanos SystemClock::monotonic() const { return read_clock(CLOCK_MONOTONIC); }
Nanos SystemClock::wall_coarse() const { return read_clock(CLOCK_REALTIME_COARSE); }

}  // namespace resonant
