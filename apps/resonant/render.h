// Shows a structured answer to a person, or as JSON to a script.
//
// Any thread; pure.
#pragma once

#include <string>

#include "resonant/json/json.h"

namespace resonant::app {

// Lines of "key: value", lists as "- " items, two spaces a level. Ends with a newline.
std::string render(const Json& value);

}  // namespace resonant::app
