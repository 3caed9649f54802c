// What the four numbers of an event mean, by its type (docs/formats/ring.md lists them), as named values for people and
// models: durations in milliseconds, ids as they are written elsewhere, families and fields by name.
//
// Any thread; reads the board's registered fields.
#pragma once

#include <vector>

#include "resonant/board/state_board.h"
#include "resonant/json/json.h"
#include "resonant/ring/event.h"
#include "resonant/tools/toolbox.h"

namespace resonant::tools {

// An object of what the type carries; empty for types that carry nothing. Custom events are not asked for.
Json data_of(const ring::Event& event, const Toolbox& toolbox, const board::StateBoard& board);

}  // namespace resonant::tools
