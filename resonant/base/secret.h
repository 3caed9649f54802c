// Comparing secrets: tokens, their hashes, authentication codes.
//
// Any thread; a pure function.
#pragma once

#include <string_view>

namespace resonant {

// Whether what was shown is the secret; takes as long wherever they differ, unless their lengths do.
bool is_same_secret(std::string_view shown, std::string_view secret);

}  // namespace resonant
