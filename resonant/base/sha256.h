// SHA-256 of a text, alone or under a key, as people and files show it: lower-case hexadecimal.
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
// HMAC-SHA-256 (RFC 2104) of a text under a key, the first `digits` of the 64.
std::string hmac_sha256_hex(std::string_view key, std::string_view text, std::size_t digits = 64);

}  // namespace resonant
