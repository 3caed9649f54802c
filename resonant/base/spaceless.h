// Scripts that are written without spaces between words, or with endings grown onto them: Chinese, Japanese, Korean, Thai,
// Lao, Khmer, Burmese. Where a word begins there is known to a dictionary only, so each letter is taken for itself.
//
// Any thread; pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace resonant {

// Letters of these scripts; not their punctuation.
constexpr bool is_spaceless(std::uint32_t letter) {
    using Range = std::pair<std::uint32_t, std::uint32_t>;
    constexpr std::array<Range, 15> kRanges = {{{0x0E01, 0x0EDF}, {0x1000, 0x109F}, {0x1780, 0x17DD}, {0x3005, 0x3007},
                                                {0x3041, 0x3096}, {0x3099, 0x309F}, {0x30A1, 0x30FA}, {0x30FC, 0x312F},
                                                {0x31F0, 0x31FF}, {0x3400, 0x4DBF}, {0x4E00, 0x9FFF}, {0xAC00, 0xD7A3},
                                                {0xF900, 0xFAFF}, {0xFF66, 0xFF9F}, {0x20000, 0x3FFFF}}};
    for (const auto& [first, last] : kRanges) {
        if (letter >= first && letter <= last) {
            return true;
        }
    }
    return false;
}

// The letter that begins at `at`, and its bytes; a byte that begins none is one by itself.
struct Utf8Letter {
    std::uint32_t letter = 0;
    std::size_t bytes = 1;
};
constexpr Utf8Letter letter_at(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
    const std::uint32_t lead = byte(at);
    const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (bytes == 1 || at + bytes > text.size()) {
        return {lead, 1};
    }
    std::uint32_t letter = lead & (0xFFU >> (bytes + 1));
    for (std::size_t i = 1; i < bytes; ++i) {
        if ((byte(at + i) & 0xC0U) != 0x80U) {
            return {lead, 1};
        }
        letter = letter << 6 | (byte(at + i) & 0x3FU);
    }
    return {letter, bytes};
}

}  // namespace resonant
