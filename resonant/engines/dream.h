// A Dream is what the swarm does with idle time: eight phases of upkeep of memory, one at a time, in
// rotation. Each phase is real work and says in numbers and ids what it changed; none keeps text of
// memories in its report. (Seed: Yin-Yang cycle, dreaming.)
//
//   consolidate  constellations anew; a memory without links is linked to its nearest neighbour
//   surface      galactic and serendipity run; what is worth another look is told
//   govern       contradictions, superseded memories that still lie near, hubs
//   narrate      a session's memories become one narrative, linked to each of them
//   improve      counts what is untidy, and proposes what to do
//   predict      where memories will lie in 30 days when nobody reads them
//   decay        every memory is placed anew by the retention formula
//   triage       what waits is embedded; what nobody needs is marked, with the evidence
//
// Threads: any; one phase runs at a time.
//
// Invariants:
//   (1) No phase deletes, hides or rewrites a memory. With dry_run nothing is written at all.
//   (2) A phase is stopped between two steps only: its transaction commits whole or not at all.
#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "resonant/engines/engines.h"
#include "resonant/json/json.h"
#include "resonant/memory/constellations.h"
#include "resonant/memory/data_sea.h"
#include "resonant/memory/survey.h"
#include "resonant/sql/database.h"

namespace resonant::engines {

inline constexpr std::array<std::string_view, 8> kPhases = {
    "consolidate", "surface", "govern", "narrate", "improve", "predict", "decay", "triage"};

class Dream {
  public:
    struct Settings {
        bool on = false;
        double idle_s = 120;   // of quiet before the first phase
        double phase_s = 60;   // between two phases
    };
    struct Needs {
        sql::Database& database;
        memory::DataSea& sea;
        memory::Constellations& constellations;
        memory::Survey& survey;
        Engines& engines;
        Clock& clock;
    };

    // Creates its tables when absent; settings and results outlive the kernel.
    static Result<std::unique_ptr<Dream>> open(Needs needs);
    Dream(const Dream&) = delete;
    Dream& operator=(const Dream&) = delete;

    Status start(double idle_s, double phase_s);  // InvalidArgument out of 1 s .. 1 day
    Status stop();
    Settings settings() const;
    // The phase that is due when the last call ended at `quiet_since` (monotonic), if one is.
    std::optional<std::string_view> due(Nanos quiet_since);

    // Runs one of kPhases and keeps its report. Keys: phase, changed, dry_run, took_ms, and the phase's own.
    Result<Json> run(std::string_view phase, bool dry_run);
    // Settings, the phase that runs now, and the newest report of each.
    Result<Json> status();

  private:
    explicit Dream(Needs needs) : needs_(needs) {}
    Result<Json> consolidate(bool dry_run);
    Result<Json> surface(bool dry_run);
    Result<Json> govern();
    Result<Json> narrate(bool dry_run);
    Result<Json> improve();
    Result<Json> predict();
    Result<Json> decay(bool dry_run);
    Result<Json> triage(bool dry_run);
    Result<std::size_t> link_unlinked(bool dry_run);
    Result<Json> work(std::string_view phase, bool dry_run);
    Status keep(const Json& report);
    Status save_settings();

    const Needs needs_;
    std::mutex dreaming_;
    mutable std::mutex mutex_;  // guards what follows
    Settings settings_;
    std::string running_;
    std::size_t next_ = 0;
    Nanos last_{0};
};

}  // namespace resonant::engines
