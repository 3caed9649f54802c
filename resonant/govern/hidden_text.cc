#include <algorithm>
#include <array>

#include "resonant/govern/sanitizer.h"

namespace resonant::govern {
namespace {

constexpr char32_t kInvalid = 0xFFFFFFFF;

struct Range {
    char32_t first;
    char32_t last;
};

template <std::size_t N>
bool in(const std::array<Range, N>& ranges, char32_t c) {
    return std::any_of(ranges.begin(), ranges.end(), [c](Range r) { return c >= r.first && c <= r.last; });
}

// Scripts whose letters are joined or kept apart by ZWJ and ZWNJ: Arabic, Syriac, N'Ko, the Indic ones,
// Mongolian.
constexpr std::array<Range, 6> kJoiningScripts = {
    {{0x0600, 0x08FF}, {0x0900, 0x0DFF}, {0x0F00, 0x109F}, {0x1780, 0x18AF}, {0x1A20, 0x1CFF}, {0xFB50, 0xFDCF}}};
// Scripts written without spaces, where ZWSP marks the ends of words.
constexpr std::array<Range, 3> kSpacelessScripts = {{{0x0E00, 0x0EFF}, {0x0F00, 0x109F}, {0x1780, 0x17FF}}};
constexpr std::array<Range, 3> kRightToLeft = {{{0x0590, 0x08FF}, {0xFB1D, 0xFDCF}, {0xFE70, 0xFEFC}}};
constexpr std::array<Range, 3> kIdeographs = {{{0x3400, 0x9FFF}, {0xF900, 0xFAFF}, {0x20000, 0x3FFFD}}};
constexpr std::array<Range, 4> kPictures = {
    {{0x2190, 0x2BFF}, {0x3030, 0x303D}, {0xFE0F, 0xFE0F}, {0x1F000, 0x1FAFF}}};
// Never seen, and no script needs them.
constexpr std::array<Range, 9> kAlwaysHidden = {{
    {0x202A, 0x202E},  // bidi embeddings and overrides
    {0x2060, 0x2064},  // word joiner, invisible operators
    {0x2066, 0x206F},  // bidi isolates, deprecated format characters
    {0x3164, 0x3164},  // Hangul filler
    {0xFFF9, 0xFFFB},  // interlinear annotation
    {0xFDD0, 0xFDEF},  // non-characters
    {0x1D173, 0x1D17A},  // musical format characters
    {0xE0000, 0xE001F},
    {0xE0080, 0xE00FF},
}};

// Decodes the character at `at` and moves behind it; kInvalid for what is no UTF-8.
char32_t decode(std::string_view text, std::size_t& at) {
    const auto lead = static_cast<unsigned char>(text[at++]);
    if (lead < 0x80) {
        return lead;
    }
    const int more = lead >= 0xF0 && lead < 0xF5 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC2 ? 1 : 0;
    if (more == 0 || lead >= 0xF5) {
        return kInvalid;
    }
    char32_t c = lead & (0x3FU >> more);
    for (int i = 0; i < more; ++i) {
        if (at >= text.size() || (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80) {
            return kInvalid;
        }
        c = (c << 6) | (static_cast<unsigned char>(text[at++]) & 0x3F);
    }
    return c;
}

bool has_any(std::string_view text, bool (*wanted)(char32_t)) {
    for (std::size_t at = 0; at < text.size();) {
        if (wanted(decode(text, at))) {
            return true;
        }
    }
    return false;
}

bool is_control(char32_t c) {
    return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || (c >= 0x7F && c <= 0x9F && c != 0x85);
}

// Whether `c` may stand behind `before` in `text`; only for characters that cannot be seen.
bool fits(char32_t c, char32_t before, std::string_view text) {
    const bool ascii_word = before < 0x80 && !(before >= '0' && before <= '9') && before != '#' && before != '*';
    switch (c) {
        case 0x200B: return has_any(text, [](char32_t x) { return in(kSpacelessScripts, x); });
        case 0x200C: return in(kJoiningScripts, before);
        case 0x200D: return in(kJoiningScripts, before) || in(kPictures, before);
        case 0x200E:
        case 0x200F:
        case 0x061C: return has_any(text, [](char32_t x) { return in(kRightToLeft, x); });
        case 0xFEFF: return before == 0;  // a byte order mark in front
        default: break;
    }
    if (c >= 0xFE00 && c <= 0xFE0F) {
        return !ascii_word && !(before >= 0xFE00 && before <= 0xFE0F);
    }
    if (c >= 0xE0100 && c <= 0xE01EF) {
        return in(kIdeographs, before);
    }
    return true;
}

}  // namespace

std::optional<char32_t> find_hidden(std::string_view utf8) {
    char32_t before = 0;
    bool in_flag = false;  // tags are the letters of a flag, behind a black flag
    for (std::size_t at = 0; at < utf8.size();) {
        const char32_t c = decode(utf8, at);
        const bool tag = c >= 0xE0020 && c <= 0xE007F;
        in_flag = c == 0x1F3F4 || (in_flag && tag);
        if (c == kInvalid || is_control(c) || (c & 0xFFFE) == 0xFFFE || in(kAlwaysHidden, c) ||
            (tag && !in_flag) || !fits(c, before, utf8)) {
            return c;
        }
        in_flag = in_flag && c != 0xE007F;
        before = c;
    }
    return std::nullopt;
}

}  // namespace resonant::govern
