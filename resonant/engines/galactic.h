// Galactic tells where every public memory lies: id, distance from the core, zone, and what others need
// to judge it (importance, constellation, days unused, links).
//
// Threads: as Engine.
#pragma once

#include "resonant/engines/engine.h"
#include "resonant/memory/survey.h"

namespace resonant::engines {

class Galactic final : public Engine {
  public:
    static constexpr std::size_t kRowsMax = 1'000'000;  // the nearest to the core, when there are more

    explicit Galactic(memory::Survey& survey) : survey_(survey) {}
    std::string_view name() const override { return "galactic"; }
    // memory_id u64, distance f64, zone u8, importance f64, constellation u16, days_unused f64, links u16.
    Result<Batch> observe(const Look& look) override;

  private:
    memory::Survey& survey_;
};

}  // namespace resonant::engines
