// The Maturity stage locks tools until the system has grown to their stage. The gates are probes of the
// running system, asked again every second at most, so a stage is gained and lost while it runs.
//
//   1 seed        the store opens, the catalogue holds tools
//   2 bicameral   the governor and the ring are live
//   3 reflective  rules are loaded, the ledger's chain is whole
//   4 radiant     5 memories or more, harmony composite 0.5 or more
//   5 collective  2 agents or more are known
//   6 logos       not yet: no probe passes it
//
// Threads: any, at once; the probes too.
//
// Invariants:
//   (1) Stages are gained in order: the first gate that fails ends the climb.
//   (2) A probe that throws is a gate that fails, with the words of the exception.
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/govern/stage.h"

namespace resonant::govern {

// Asked from any thread; an empty probe is a gate that fails ("not connected").
struct MaturityProbes {
    std::function<bool()> store_opens{};
    std::function<std::size_t()> catalogue_size{};
    std::function<bool()> governor_live{};
    std::function<bool()> ring_live{};
    std::function<bool()> rules_loaded{};
    std::function<bool()> ledger_verified{};
    std::function<std::size_t()> memories{};
    std::function<double()> harmony{};
    std::function<std::size_t()> agents{};
};

struct Gate {
    call::Maturity stage = call::Maturity::Seed;
    bool passed = false;
    std::string seen;     // "3 memories, harmony 0.97"
    std::string unlocks;  // what would open it: "store 2 more memories"
};

class Maturity final : public Stage {
  public:
    Maturity(Clock& clock, MaturityProbes probes);

    std::string_view name() const override { return kMaturity; }
    std::optional<call::Denial> judge(const call::Call& call, Look look, std::string& note) override;

    // All six gates, asked now. Also renews passed().
    std::vector<Gate> assess();
    // The highest stage passed, 0 when not even seed; asked anew when older than a second.
    int passed();

  private:
    Clock& clock_;
    MaturityProbes probes_;
    std::atomic<int> passed_{0};
    std::atomic<std::int64_t> asked_ns_{0};
    std::mutex asking_;
};

}  // namespace resonant::govern
