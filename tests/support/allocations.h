// Counts what the current thread allocates with operator new, to prove that a hot path allocates
// nothing.
//
// Each object belongs to the thread that made it. The counting operators are in allocations.cc.
#pragma once

#include <cstdint>

namespace resonant::test {

// Calls of operator new on this thread since the program began.
std::uint64_t allocations_of_this_thread();

class Allocations {
  public:
    Allocations() : before_(allocations_of_this_thread()) {}
    std::uint64_t count() const { return allocations_of_this_thread() - before_; }

  private:
    std::uint64_t before_;
};

}  // namespace resonant::test
