// A fault point is a named place that a test can make throw: RESONANT_FAULT_POINT("govern.rules"). In a
// build without RESONANT_FAULT_POINTS it is nothing. Armed names come from the environment variable
// RESONANT_FAULTS (comma separated) when the process starts, or from arm_fault() in a test.
//
// Any thread.
#pragma once

#include <stdexcept>
#include <string_view>

namespace resonant {

struct InjectedFault : std::runtime_error {
    using std::runtime_error::runtime_error;
};

void arm_fault(std::string_view name);
void disarm_faults();
// Throws InjectedFault when `name` is armed. One relaxed load when nothing is.
void fault_point(std::string_view name);

}  // namespace resonant

#ifdef RESONANT_FAULT_POINTS
#define RESONANT_FAULT_POINT(name) ::resonant::fault_point(name)
#else
#define RESONANT_FAULT_POINT(name) static_cast<void>(0)
#endif
