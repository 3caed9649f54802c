// SHA-256 of a text, as people and files show it: lower-case hexadecimal.
//
// Any thread; pure functions.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace resonant {

// Two digits a byte.
std::string hex_of(std::span<const std::byte> bytes);
// The first `digits` of the 64.
std::string sha256_hex(std::string_view text, std::size_t digits = 64);

}  // namespace resonant
