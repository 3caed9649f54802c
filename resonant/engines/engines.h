// Engines is the list of the 28 observers, those that are built among them, and the one place that runs
// them: look, observe, publish, say so on the board. (Seed: engine registry.)
//
// Threads: any; one engine runs at a time.
//
// Invariants:
//   (1) Bit i of the board's engine mask is set while engine i has a batch published.
//   (2) An engine that fails leaves its former batch, and its error is told by list().
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/engines/engine.h"
#include "resonant/plane/kernel_plane.h"

namespace resonant::engines {

struct EngineInfo {
    std::string_view name;
    std::string_view watches;
    std::string_view publishes;
};

// By slot, as the bits of the board's mask.
std::span<const EngineInfo, 28> engine_table();

class Engines {
  public:
    struct State {
        bool built = false;
        std::int64_t last_run_ns = 0;
        std::uint64_t runs = 0;
        std::string last_error;  // empty when the last run went well
    };

    Engines(plane::KernelPlane& plane, Outputs& outputs) : plane_(plane), outputs_(outputs) {}
    Engines(const Engines&) = delete;
    Engines& operator=(const Engines&) = delete;

    // At start. The engine's name is in the table.
    void add(std::unique_ptr<Engine> engine);
    // Runs it after those it needs. NotFound for a name that is not in the table, Unimplemented for an
    // engine that is not built.
    Status run(std::string_view name);
    Status run_all();
    std::array<State, 28> states() const;
    Outputs& outputs() { return outputs_; }
    // Writes the mask again where somebody wrote over it.
    void refresh_mask();

  private:
    Status run_slot(std::size_t slot);

    plane::KernelPlane& plane_;
    Outputs& outputs_;
    std::array<std::unique_ptr<Engine>, 28> built_;
    std::mutex running_;
    mutable std::mutex mutex_;  // guards states_
    std::array<State, 28> states_;
};

}  // namespace resonant::engines
