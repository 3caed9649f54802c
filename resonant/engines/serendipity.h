// Serendipity finds memories worth another look, out of galactic's batch alone: what matters and has
// drifted outward (dormant), and what hangs on many others and is hardly used (bridging). What somebody
// called useless stays away for kRest.
//
//   score = distance * importance * (1 + links / (links + 3)), for memories from the mid band outward
//
// Threads: as Engine.
#pragma once

#include <array>

#include "resonant/engines/engine.h"
#include "resonant/memory/survey.h"

namespace resonant::engines {

class Serendipity final : public Engine {
  public:
    static constexpr std::size_t kRowsMax = 256;
    static constexpr Nanos kRest = from_seconds(30 * 86'400.0);  // of what was called useless
    enum Kind : std::uint8_t { Dormant = 0, Bridging = 1 };

    explicit Serendipity(memory::Survey& survey) : survey_(survey) {}
    std::string_view name() const override { return "serendipity"; }
    std::span<const std::string_view> needs() const override { return kNeeds; }
    // memory_id u64, score f64, kind u8; best first. Conflict when galactic has published nothing.
    Result<Batch> observe(const Look& look) override;

  private:
    static constexpr std::array<std::string_view, 1> kNeeds = {"galactic"};
    memory::Survey& survey_;
};

}  // namespace resonant::engines
