// Executions carry out plans: each step is a call through the one door, as the caller of the plan,
// one after another; the first that fails ends it. The newest are kept to be looked at.
//
// Threads: any; carry() blocks its caller until the plan is done.
//
// Invariants:
//   (1) A step is governed like any call; nothing goes around the door.
//   (2) A plan cannot resolve reasoners, so plans do not nest.
//   (3) At most kKeptMax are kept, the oldest go first; a restart forgets them, the ledger does
//   not.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "resonant/call/call.h"

namespace resonant::tools {

inline constexpr std::size_t kPlanStepsMax = 32;

struct Step {
    std::string tool;
    Json arguments = Json::object();
    std::string state = "planned";  // planned|running|done|failed|skipped
    Json result;                    // shortened
};

struct Execution {
    std::uint64_t id = 0;  // on the wire "x3"
    std::string principal;
    std::string state = "running";  // running|done|failed
    std::string goal;
    std::vector<Step> steps;
    Nanos at{};
};

class Executions {
  public:
    static constexpr std::size_t kKeptMax = 100;
    static constexpr std::size_t kResultBytes = 2'048;  // of a step's answer that is kept

    Executions() = default;
    Executions(const Executions&) = delete;
    Executions& operator=(const Executions&) = delete;

    // InvalidArgument for an empty plan, more than kPlanStepsMax steps, or one that resolves
    // reasoners.
    static Status check(const std::vector<Step>& steps);
    // `call` is the one that asked; its cancellation ends the plan between two steps.
    Execution carry(call::Door& door, const call::Call& call, std::string goal,
                    std::vector<Step> steps);
    // Newest first; those of `principal` alone unless it is empty.
    std::vector<Execution> list(const std::string& principal, std::size_t limit) const;

  private:
    void keep(const Execution& execution);

    mutable std::mutex mutex_;
    std::uint64_t last_ = 0;
    std::deque<Execution> kept_;  // oldest first
};

}  // namespace resonant::tools
