// Regulation reads one board snapshot and says how the swarm is: a level for each harmony field,
// and what needs attention now. (Seed: homeostasis, gnosis.)
//
// Any thread; no state of its own, so a poked board word changes what it says at once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "resonant/board/state_board.h"
#include "resonant/tools/services.h"

namespace resonant::tools {

enum class Level : std::uint8_t { Observe, Advise, Correct, Intervene };
std::string_view name_of(Level level);  // "OBSERVE", ...

struct Regulated {
    std::string_view field;
    double value = 1;
    double advise_below = 0, correct_below = 0, intervene_below = 0;  // 0: never
    Level level() const;
};

// The harmony fields with their thresholds, and the composite last.
std::vector<Regulated> regulate(const board::Harmony& harmony);

struct Alert {
    std::string what;  // "harmony.reliability"
    std::string seen;  // "0.31, below 0.5"
    std::string tool;  // what to call about it
    std::string reason;
};

// Everything that needs attention, most urgent first.
Result<std::vector<Alert>> find_alerts(Services& services, const board::Snapshot& snapshot);

}  // namespace resonant::tools
