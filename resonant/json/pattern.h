// A pattern of ECMA-262, as JSON Schema writes them, made into an RE2: linear time whatever the text, at the price of
// look-around and back-references, which are refused.
//
// Any thread; a compiled pattern is constant.
#pragma once

#include <re2/re2.h>

#include <memory>
#include <string>

#include "resonant/base/result.h"

namespace resonant::json {

// InvalidArgument with the reason: what RE2 cannot do is named.
Result<std::shared_ptr<const re2::RE2>> compile_pattern(const std::string& pattern);

}  // namespace resonant::json
