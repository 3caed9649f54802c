// Base64 after RFC 4648, section 4: with padding, no line breaks.
//
// Pure functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace resonant {

std::string base64(std::string_view bytes);
// Nothing when a character, the padding or the length is wrong.
std::optional<std::string> unbase64(std::string_view text);

}  // namespace resonant
