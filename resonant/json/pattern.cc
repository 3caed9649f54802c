#include "resonant/json/pattern.h"

#include <fmt/core.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace resonant::json {

namespace {

constexpr std::size_t kPatternMax = 4096;
constexpr std::int64_t kMemoryMax = 8 << 20;  // bytes of one compiled pattern

// Long names of general categories; RE2 knows the short ones and the scripts.
constexpr std::array<std::pair<std::string_view, std::string_view>, 19> kCategories{{
    {"Letter", "L"}, {"Uppercase_Letter", "Lu"}, {"Lowercase_Letter", "Ll"}, {"Titlecase_Letter", "Lt"},
    {"Modifier_Letter", "Lm"}, {"Other_Letter", "Lo"}, {"Mark", "M"}, {"Number", "N"}, {"Decimal_Number", "Nd"},
    {"digit", "Nd"}, {"Letter_Number", "Nl"}, {"Other_Number", "No"}, {"Punctuation", "P"}, {"punct", "P"},
    {"Symbol", "S"}, {"Math_Symbol", "Sm"}, {"Currency_Symbol", "Sc"}, {"Separator", "Z"}, {"Space_Separator", "Zs"},
}};

// White space of ECMA-262; RE2's \s is ASCII without the vertical tab.
constexpr std::string_view kSpaces = R"(\t\n\v\f\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff})";

class Translator {
  public:
    explicit Translator(std::string_view pattern) : in_(pattern) {}

    // The RE2 text; `refused` says what it cannot have.
    std::string run() {
        while (at_ < in_.size() && refused.empty()) {
            step();
        }
        return std::move(out_);
    }

    std::string refused;

  private:
    bool next_is(std::string_view text) const { return in_.substr(at_).starts_with(text); }
    void take(std::string_view from, std::string_view to) {
        at_ += from.size();
        out_ += to;
    }

    void step() {
        const char c = in_[at_];
        if (c == '\\') {
            escape();
        } else if (in_class_) {
            in_class_ = c != ']';
            // ECMA has no POSIX classes and no nesting: a bracket inside a class is itself.
            take(in_.substr(at_, 1), c == '[' ? "\\[" : std::string_view(&c, 1));
        } else if (next_is("[^]")) {
            take("[^]", "(?s:.)");
        } else if (next_is("[]")) {
            take("[]", "[^\\x{0}-\\x{10ffff}]");
        } else if (c == '[') {
            in_class_ = true;
            take(in_.substr(at_, next_is("[^") ? 2 : 1), next_is("[^") ? "[^" : "[");
        } else if (next_is("(?=") || next_is("(?!") || next_is("(?<=") || next_is("(?<!")) {
            refused = "look-ahead and look-behind are not supported (patterns are checked in linear time); say it without";
        } else if (next_is("(?<")) {
            take("(?<", "(?P<");
        } else if (c == '.') {
            take(".", "[^\\n\\r\\x{2028}\\x{2029}]");
        } else {
            take(in_.substr(at_, 1), std::string_view(&c, 1));
        }
    }

    void escape() {
        const char c = at_ + 1 < in_.size() ? in_[at_ + 1] : '\0';
        const std::string_view two = in_.substr(at_, 2);
        if (!in_class_ && ((c >= '1' && c <= '9') || next_is("\\k<"))) {
            refused = "back-references are not supported (patterns are checked in linear time); say it without";
        } else if (c == 's') {
            take(two, in_class_ ? std::string(kSpaces) : fmt::format("[{}]", kSpaces));
        } else if (c == 'S' && !in_class_) {
            take(two, fmt::format("[^{}]", kSpaces));
        } else if (c == 'b' && in_class_) {
            take(two, "\\x08");
        } else if (c == 'c' && at_ + 2 < in_.size()) {
            const int control = in_[at_ + 2] & 31;
            take(in_.substr(at_, 3), fmt::format("\\x{{{:x}}}", control));
        } else if (c == '0') {
            take(two, "\\x00");
        } else if (c == 'u') {
            code_point();
        } else if (c == 'p' || c == 'P') {
            property();
        } else {
            take(two, two == "\\-" ? "\\x2d" : two);
        }
    }

    // \u0041, \u{1F600}, or a surrogate pair of two \uXXXX.
    void code_point() {
        const auto unit = [this](std::size_t at) -> long {
            const std::string digits(in_.substr(std::min(at, in_.size()), 4));
            char* end = nullptr;
            const long value = std::strtol(digits.c_str(), &end, 16);
            return digits.size() == 4 && *end == '\0' ? value : -1;
        };
        if (next_is("\\u{")) {
            const std::size_t end = std::min(in_.find('}', at_), in_.size() - 1);
            take(in_.substr(at_, end + 1 - at_), fmt::format("\\x{}", in_.substr(at_ + 2, end - at_ - 1)));
            return;
        }
        const long high = unit(at_ + 2);
        const long low = in_.substr(std::min(at_ + 6, in_.size())).starts_with("\\u") ? unit(at_ + 8) : -1;
        if (high >= 0xD800 && high < 0xDC00 && low >= 0xDC00 && low < 0xE000) {
            take(in_.substr(at_, 12), fmt::format("\\x{{{:x}}}", 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)));
        } else if (high >= 0 && (high < 0xD800 || high > 0xDFFF)) {
            take(in_.substr(at_, 6), fmt::format("\\x{{{:x}}}", high));
        } else {
            refused = "\\u needs four hexadecimal digits of a character";
        }
    }

    // \p{Letter} is \p{L}; \p{Script=Greek} is \p{Greek}.
    void property() {
        const std::size_t end = in_.find('}', at_);
        if (at_ + 2 >= in_.size() || in_[at_ + 2] != '{' || end == std::string_view::npos) {
            take(in_.substr(at_, 2), in_.substr(at_, 2));  // RE2 says what is wrong
            return;
        }
        std::string_view name = in_.substr(at_ + 3, end - at_ - 3);
        name.remove_prefix(name.rfind('=') == std::string_view::npos ? 0 : name.rfind('=') + 1);
        for (const auto& [words, letters] : kCategories) {
            name = name == words ? letters : name;
        }
        take(in_.substr(at_, end + 1 - at_), fmt::format("\\{}{{{}}}", in_[at_ + 1], name));
    }

    std::string_view in_;
    std::size_t at_ = 0;
    bool in_class_ = false;
    std::string out_;
};

}  // namespace

Result<std::shared_ptr<const re2::RE2>> compile_pattern(const std::string& pattern) {
    if (pattern.size() > kPatternMax) {
        return fail(Code::InvalidArgument, fmt::format("the pattern has {} bytes, the limit is {}", pattern.size(), kPatternMax));
    }
    Translator translator(pattern);
    const std::string text = translator.run();
    if (!translator.refused.empty()) {
        return fail(Code::InvalidArgument, translator.refused);
    }
    re2::RE2::Options options(re2::RE2::Quiet);
    options.set_max_mem(kMemoryMax);
    auto compiled = std::make_shared<const re2::RE2>(text, options);
    if (!compiled->ok()) {
        return fail(Code::InvalidArgument, "it is no RE2 pattern: " + compiled->error());
    }
    return compiled;
}

}  // namespace resonant::json
