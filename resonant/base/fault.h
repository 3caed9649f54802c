// A fault point is a named place that a test can make throw: RESONANT_FAULT_POINT("govern.rules"). In a
// build without RESONANT_FAULT_POINTS it is nothing. Armed names come from the environment variable
// RESONANT_FAULTS (comma separated) when the process starts, or from arm_fault() in a test.
//
// Any thread.
#pragma once

#include <atomic>
#include <stdexcept>
#include <string_view>

namespace resonant {

struct InjectedFault : std::runtime_error {
    using std::runtime_error::runtime_error;
};

void arm_fault(std::string_view name);
void disarm_faults();
// Throws InjectedFault when `name` is armed.
void throw_if_armed(std::string_view name);

// Whether any name is armed; true until the environment was read.
inline constinit std::atomic<bool> faults_armed{true};

// One relaxed load when nothing is armed.
inline void fault_point(std::string_view name) {
    if (faults_armed.load(std::memory_order_relaxed)) [[unlikely]] {
        throw_if_armed(name);
    }
}

}  // namespace resonant

#ifdef RESONANT_FAULT_POINTS
#define RESONANT_FAULT_POINT(name) ::resonant::fault_point(name)
#else
#define RESONANT_FAULT_POINT(name) static_cast<void>(0)
#endif
