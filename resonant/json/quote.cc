#include "resonant/json/quote.h"

#include <array>

namespace resonant::json {
namespace {

// What follows the backslash: 'u' for \u00XX, 0 for what needs none.
constexpr std::array<char, 256> kEscapes = [] {
    std::array<char, 256> escapes{};
    for (std::size_t byte = 0; byte < 0x20; ++byte) {
        escapes[byte] = 'u';
    }
    escapes['"'] = '"';
    escapes['\\'] = '\\';
    escapes['\b'] = 'b';
    escapes['\f'] = 'f';
    escapes['\n'] = 'n';
    escapes['\r'] = 'r';
    escapes['\t'] = 't';
    return escapes;
}();

// How many bytes of one character `text` begins with, at most as many as it needs; `whole` when it has them all.
// After table 3-7 of the Unicode standard.
std::size_t character_of(std::string_view text, bool& whole) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = byte(0);
    const std::size_t needed = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
    const unsigned least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    std::size_t have = 1;
    while (have < needed && have < text.size() && byte(have) >= (have == 1 ? least : 0x80) && byte(have) <= (have == 1 ? most : 0xBF)) {
        ++have;
    }
    whole = have == needed;
    return have;
}

}  // namespace

std::string valid_utf8(std::string_view text) {
    std::string valid;
    valid.reserve(text.size());
    while (!text.empty()) {
        bool whole = false;
        const std::size_t bytes = character_of(text, whole);
        valid += whole ? text.substr(0, bytes) : "\xEF\xBF\xBD";
        text.remove_prefix(bytes);
    }
    return valid;
}

void append_quoted(std::string& out, std::string_view text) {
    static constexpr std::string_view kHex = "0123456789abcdef";
    const std::size_t begin = out.size();
    out.resize(begin + 2 * text.size() + 2);  // enough for all but \u00XX, which make their own room
    char* to = out.data() + begin;
    *to++ = '"';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const char escape = kEscapes[byte];
        if (escape == 0) {
            *to++ = c;
            continue;
        }
        *to++ = '\\';
        *to++ = escape;
        if (escape == 'u') {
            const auto at = static_cast<std::size_t>(to - out.data());
            out.resize(out.size() + 4);
            to = out.data() + at;
            for (const char digit : {'0', '0', kHex[byte >> 4], kHex[byte & 15]}) {
                *to++ = digit;
            }
        }
    }
    *to++ = '"';
    out.resize(static_cast<std::size_t>(to - out.data()));
}

bool is_plain(std::string_view text) {
    bool plain = true;  // without a branch a byte
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        plain &= byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
    }
    return plain;
}

}  // namespace resonant::json
