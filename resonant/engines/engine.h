// An Engine observes: it reads a snapshot of the board and the batches of other engines, and answers
// with a batch of its own. It keeps no state that matters: the same look gives the same batch. (Seed:
// Engine Data Sea Protocol.)
//
// Threads: observe() is called by one thread at a time.
#pragma once

#include <span>
#include <string_view>

#include "resonant/board/state_board.h"
#include "resonant/engines/outputs.h"

namespace resonant::engines {

// What an engine may look at.
struct Look {
    board::Snapshot board;
    const Outputs& outputs;  // batches of others; newest() is null where one has not run
    Nanos now;               // wall clock
};

class Engine {
  public:
    Engine() = default;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    virtual ~Engine() = default;

    virtual std::string_view name() const = 0;  // of kEngines (engines.h)
    // Names of the engines whose batches it reads; they run before it.
    virtual std::span<const std::string_view> needs() const { return {}; }
    virtual Result<Batch> observe(const Look& look) = 0;
};

}  // namespace resonant::engines
