#include "resonant/json/quote.h"

#include <array>

#include "resonant/base/utf8.h"

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

}  // namespace

std::string valid_utf8(std::string_view text) {
    std::string valid;
    valid.reserve(text.size());
    while (!text.empty()) {
        const Utf8Head head = utf8_head(text);
        valid += head.whole ? text.substr(0, head.bytes) : "\xEF\xBF\xBD";
        text.remove_prefix(head.bytes);
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
