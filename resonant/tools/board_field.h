// The field of the board that somebody names; a wrong name is answered with the one that was probably meant.
//
// Any thread.
#pragma once

#include <string>
#include <string_view>

#include "resonant/base/result.h"
#include "resonant/board/state_board.h"

namespace resonant::tools {

// By its name or its last part, user fields too. NotFound in words that begin with `tool`.
Result<board::Field> field_named(const board::StateBoard& board, std::string_view tool, const std::string& name);

}  // namespace resonant::tools
