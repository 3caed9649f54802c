// Resonance remembers, for each thread of work, what came before: the family of the last call, the
// phase and the posture that the mix of calls amounts to. It goes into the reply's _meta, onto the
// board and into the rows that the call writes. (Seed: Wu Xing = phase, Guna = posture, Gana = family.)
//
//   phase    each call feeds the element of its family's quadrant (East wood, South fire, West metal,
//            North water) and all energies decay by 0.85 a call; the strongest is the phase when it
//            holds at least 45 % of the energy, else earth.
//   posture  0.85-decayed shares: failures and refusals over one half: tamasic; active calls (write,
//            execute, delete) over one half: rajasic; else sattvic.
//
// Threads: any; a mutex serialises. Bounds: kThreadsMax remembered threads, oldest forgotten first.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "resonant/board/state_board.h"
#include "resonant/call/call.h"
#include "resonant/dispatch/catalogue.h"

namespace resonant::dispatch {

class ResonanceTracker {
  public:
    static constexpr std::size_t kThreadsMax = 4096;

    explicit ResonanceTracker(const Catalogue& catalogue);
    ResonanceTracker(const ResonanceTracker&) = delete;
    ResonanceTracker& operator=(const ResonanceTracker&) = delete;

    // What a call of `contract` in the thread `key` (session, connection or principal) meets: computed
    // before the handler runs, so that rows carry it.
    board::Resonance before(const std::string& key, const call::Contract& contract, Nanos now);
    // Takes the call into the history. `well` is false for refusals and failures.
    void after(const std::string& key, const call::Contract& contract, bool well);

    // JSON text of at most 250 bytes: {"gana","predecessor","successor","phase","posture","harmony","chain"}.
    std::string compact(const board::Resonance& resonance, const board::Harmony& harmony, std::uint64_t chain) const;
    std::uint64_t chain(const std::string& key);

  private:
    struct History {
        std::array<double, 4> energy{};  // by quadrant
        double active = 0, trouble = 0, calls = 0;
        std::uint64_t predecessor = 0;   // family 1..28
        std::uint64_t chain = 0;
        std::list<std::string>::iterator age;
    };
    History& of(const std::string& key);
    static std::uint64_t quadrant_of(std::uint64_t family) { return (family - 1) / 7; }

    std::vector<std::string> quoted_families_;  // JSON strings by number, 1 to 28; null at 0
    std::mutex mutex_;
    std::unordered_map<std::string, History> histories_;
    std::list<std::string> ages_;  // most recently used first
};

std::string_view phase_name(std::uint64_t phase);      // "wood", "fire", "earth", "metal", "water"
std::string_view posture_name(std::uint64_t posture);  // "sattvic", "rajasic", "tamasic"

}  // namespace resonant::dispatch
