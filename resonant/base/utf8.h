// UTF-8, character by character.
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

struct Utf8Head {
    std::size_t bytes = 1;  // of the character, as far as it is there: at least 1
    bool whole = false;     // false: they are not UTF-8, or its beginning only
};

// The first character of `text`, which is not empty. After table 3-7 of the Unicode standard.
constexpr Utf8Head utf8_head(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = byte(0);
    const std::size_t needed = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
    const unsigned least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;  // of the second byte; of others 0x80..0xBF
    const unsigned most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    std::size_t have = 1;
    while (have < needed && have < text.size() && byte(have) >= (have == 1 ? least : 0x80) && byte(have) <= (have == 1 ? most : 0xBF)) {
        ++have;
    }
    return {have, have == needed};
}

}  // namespace resonant
