// Cutting UTF-8 between its characters.
//
// Any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace resonant {

// The longest head of `text` of at most `bytes` bytes that ends between two characters.
constexpr std::string_view cut_utf8(std::string_view text, std::size_t bytes) {
    if (text.size() <= bytes) {
        return text;
    }
    while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) {
        --bytes;
    }
    return text.substr(0, bytes);
}

}  // namespace resonant
