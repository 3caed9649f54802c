// The catalogue as the protocol may see it: families and contracts, never handlers' insides.
//
// Constant after start; any thread.
#pragma once

#include "resonant/tools/toolbox.h"

namespace resonant::dispatch {

using Catalogue = tools::Toolbox;

}  // namespace resonant::dispatch
