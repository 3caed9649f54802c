#include "resonant/base/printable.h"

#include <algorithm>
#include <array>

#include "resonant/base/utf8.h"

namespace resonant {
namespace {

struct Range {
    char32_t first;
    char32_t last;
};

// What is obeyed or not seen: control characters, marks of direction, invisible operators, tags.
constexpr std::array<Range, 14> kUnprintable = {{
    {0x0000, 0x001F},
    {0x007F, 0x009F},
    {0x00AD, 0x00AD},  // soft hyphen
    {0x061C, 0x061C},  // Arabic letter mark
    {0x180E, 0x180E},
    {0x200B, 0x200B},  // zero width space; ZWNJ and ZWJ are spelling in some scripts and move nothing
    {0x200E, 0x200F},  // direction marks
    {0x2028, 0x202E},  // line and paragraph separator, bidi embeddings and overrides
    {0x2060, 0x206F},
    {0xFEFF, 0xFEFF},
    {0xFFF9, 0xFFFB},
    {0x1D173, 0x1D17A},
    {0xE0000, 0xE00FF},
    {0xFDD0, 0xFDEF},
}};

struct Decoded {
    char32_t character = 0;
    std::size_t bytes = 1;
    bool valid = true;
};

// A byte that begins no whole character stands alone.
Decoded decode(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text[0]);
    const Utf8Head head = utf8_head(text);
    if (!head.whole || head.bytes == 1) {
        return {lead, 1, head.whole};
    }
    char32_t character = lead & (0xFFU >> (head.bytes + 1));
    for (std::size_t i = 1; i < head.bytes; ++i) {
        character = (character << 6U) | (static_cast<unsigned char>(text[i]) & 0x3FU);
    }
    return {character, head.bytes, true};
}

void append_hex(std::string& out, char32_t value, int digits) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
        out += kDigits[(value >> static_cast<unsigned>(shift)) & 0xFU];
    }
}

bool is_unprintable(char32_t c) {
    return std::ranges::any_of(kUnprintable, [c](Range r) { return c >= r.first && c <= r.last; });
}

// Calls `escape(out, decoded)` for each character that may not stand as it is and `keep` does not keep.
template <typename Keep, typename Escape>
std::string rewrite(std::string_view text, Keep keep, Escape escape) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const Decoded one = decode(text);
        if (one.valid && (!is_unprintable(one.character) || keep(one.character))) {
            out.append(text.substr(0, one.bytes));
        } else {
            escape(out, one);
        }
        text.remove_prefix(one.bytes);
    }
    return out;
}

}  // namespace

std::string printable(std::string_view text, Lines lines) {
    const auto keep = [lines](char32_t c) { return lines == Lines::Kept && (c == '\n' || c == '\t'); };
    return rewrite(text, keep, [](std::string& out, const Decoded& one) {
        if (one.valid && (one.character == '\n' || one.character == '\t' || one.character == '\r')) {
            out += one.character == '\n' ? "\\n" : one.character == '\t' ? "\\t" : "\\r";
        } else if (!one.valid || one.character < 0x100) {
            out += "\\x";
            append_hex(out, one.character, 2);
        } else {
            out += one.character > 0xFFFF ? "\\U" : "\\u";
            append_hex(out, one.character, one.character > 0xFFFF ? 8 : 4);
        }
    });
}

std::string printable_json(std::string_view json) {
    return rewrite(json, [](char32_t c) { return c == '\n'; }, [](std::string& out, const Decoded& one) {
        const char32_t c = one.valid ? one.character : 0xFFFD;
        if (c > 0xFFFF) {  // a surrogate pair
            out += "\\u";
            append_hex(out, 0xD800 + ((c - 0x10000) >> 10U), 4);
        }
        out += "\\u";
        append_hex(out, c > 0xFFFF ? 0xDC00 + ((c - 0x10000) & 0x3FFU) : c, 4);
    });
}

}  // namespace resonant
