#include "resonant/json/source_tree.h"

#include <fmt/core.h>

#include <simdjson.h>

#include <algorithm>

namespace resonant::json {
namespace {

constexpr std::string_view kMark = "\xEF\xBB\xBF";
constexpr std::size_t kShown = 20;  // bytes of what was found, in an error

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' || c == '-' || c == '.'; }

// RFC 8259: a number of any size, so that one that does not fit 64 bits does not keep a file from being changed.
bool is_number(std::string_view word) {
    const auto digits = [&word] {
        const std::size_t before = word.size();
        while (!word.empty() && is_digit(word.front())) {
            word.remove_prefix(1);
        }
        return before - word.size();
    };
    if (word.starts_with('-')) {
        word.remove_prefix(1);
    }
    const bool zero = word.starts_with('0');
    if (const std::size_t whole = digits(); whole == 0 || (zero && whole > 1)) {
        return false;
    }
    if (word.starts_with('.')) {
        word.remove_prefix(1);
        if (digits() == 0) {
            return false;
        }
    }
    if (word.starts_with('e') || word.starts_with('E')) {
        word.remove_prefix(1);
        if (word.starts_with('+') || word.starts_with('-')) {
            word.remove_prefix(1);
        }
        if (digits() == 0) {
            return false;
        }
    }
    return word.empty();
}

bool is_scalar(std::string_view word) { return word == "true" || word == "false" || word == "null" || is_number(word); }

class Reader {
  public:
    explicit Reader(std::string_view text) : text_(text) {}

    Result<SourceTree> read() {
        if (text_.starts_with(kMark)) {
            at_ = kMark.size();
        }
        RESONANT_CHECK(skip());
        if (at_ == text_.size()) {
            return wrong("a value", "nothing");
        }
        SourceTree tree;
        RESONANT_CHECK(read_value(tree, 1));
        RESONANT_CHECK(skip());
        if (at_ != text_.size()) {
            return wrong("the end of the text");
        }
        return tree;
    }

  private:
    std::unexpected<Error> wrong(std::string_view wanted, std::string_view found = {}) const {
        std::string seen(found);
        if (seen.empty() && at_ >= text_.size()) {
            seen = "the end of the text";
        } else if (seen.empty()) {
            std::size_t end = at_;
            while (end < text_.size() && end - at_ < kShown && !is_space(text_[end])) {
                ++end;
            }
            while (end < text_.size() && (static_cast<unsigned char>(text_[end]) & 0xC0) == 0x80) {
                ++end;  // never half a character
            }
            seen = dump(Json(std::string(text_.substr(at_, end - at_))));
        }
        return fail(Code::InvalidArgument, fmt::format("{}: expected {}, found {}", place_in(text_, at_), wanted, seen));
    }

    bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }

    // Over white space and comments.
    Status skip() {
        while (at_ < text_.size()) {
            if (is_space(text_[at_])) {
                ++at_;
            } else if (text_.substr(at_, 2) == "//") {
                at_ = std::min(text_.find_first_of("\r\n", at_), text_.size());
            } else if (text_.substr(at_, 2) == "/*") {
                const std::size_t end = text_.find("*/", at_ + 2);
                if (end == std::string_view::npos) {
                    return wrong("*/ somewhere behind it", "a comment without end");
                }
                at_ = end + 2;
            } else {
                break;
            }
        }
        return {};
    }

    Status read_value(SourceTree& tree, std::size_t depth) {
        tree.span.begin = at_;
        if (next_is('{') || next_is('[')) {
            if (depth > kDepthMax) {
                return fail(Code::ResourceExhausted, fmt::format("{}: more than {} levels of nesting; such a file is not "
                                                                 "read", place_in(text_, at_), kDepthMax));
            }
            tree.kind = next_is('{') ? SourceKind::Object : SourceKind::Array;
            RESONANT_CHECK(read_members(tree, depth));
        } else if (next_is('"')) {
            RESONANT_CHECK(pass_string());
        } else {
            std::size_t end = at_;
            while (end < text_.size() && is_word(text_[end])) {
                ++end;
            }
            const std::string_view word = text_.substr(at_, end - at_);
            if (!is_scalar(word)) {
                return wrong("a value");
            }
            at_ = end;
        }
        tree.span.end = at_;
        return {};
    }

    Status read_members(SourceTree& tree, std::size_t depth) {
        const bool object = tree.kind == SourceKind::Object;
        const char close = object ? '}' : ']';
        ++at_;
        RESONANT_CHECK(skip());
        while (!next_is(close)) {
            SourceMember member;
            if (object) {
                RESONANT_CHECK(read_name(member));
            }
            RESONANT_CHECK(read_value(member.value, depth + 1));
            RESONANT_CHECK(skip());
            const bool comma = next_is(',');
            if (comma) {
                member.comma = at_++;
                RESONANT_CHECK(skip());
            }
            tree.members.push_back(std::move(member));
            if (!comma && !next_is(close)) {
                return wrong(object ? "',' or '}'" : "',' or ']'");
            }
        }
        ++at_;
        return {};
    }

    Status read_name(SourceMember& member) {
        if (!next_is('"')) {
            return wrong("a name in double quotes");
        }
        member.key.begin = at_;
        RESONANT_CHECK(pass_string());
        member.key.end = at_;
        const std::string_view quoted = member.key.of(text_);
        if (quoted.find('\\') == std::string_view::npos) {
            member.name = quoted.substr(1, quoted.size() - 2);
        } else {
            const Result<Json> decoded = parse(quoted);
            member.name = decoded ? decoded->get<std::string>() : std::string(quoted);  // half a surrogate stays as written
        }
        RESONANT_CHECK(skip());
        if (!next_is(':')) {
            return wrong("':'");
        }
        ++at_;
        return skip();
    }

    Status pass_string() {
        const std::size_t begin = at_++;
        while (at_ < text_.size() && text_[at_] != '"') {
            const auto byte = static_cast<unsigned char>(text_[at_]);
            if (byte < 0x20) {
                return byte == '\n' || byte == '\r' ? wrong("'\"' at the end of the string", "the end of the line")
                                                    : wrong("\\u and four digits", "a control character");
            }
            if (byte == '\\') {
                ++at_;
                RESONANT_CHECK(pass_escape());
            } else {
                ++at_;
            }
        }
        if (at_ >= text_.size()) {
            at_ = begin;
            return wrong("'\"' at the end of the string", "a string without end");
        }
        ++at_;
        return {};
    }

    Status pass_escape() {
        if (at_ >= text_.size() || std::string_view("\"\\/bfnrtu").find(text_[at_]) == std::string_view::npos) {
            return wrong("one of \" \\ / b f n r t u behind a backslash");
        }
        if (text_[at_++] == 'u') {
            for (int digit = 0; digit < 4; ++digit, ++at_) {
                if (at_ >= text_.size() || std::string_view("0123456789abcdefABCDEF").find(text_[at_]) == std::string_view::npos) {
                    return wrong("four hexadecimal digits");
                }
            }
        }
        return {};
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

Result<Json> convert(std::string_view text, const SourceTree& tree) {
    if (tree.kind == SourceKind::Scalar) {
        const std::string_view written = tree.span.of(text);
        Result<Json> value = parse(written);
        if (!value) {  // a number beyond 64 bits, half a surrogate: other programs write such into their files
            const bool quoted = written.starts_with('"');
            return Json(std::string(quoted ? written.substr(1, written.size() - 2) : written));
        }
        return value;
    }
    Json made = tree.is_object() ? Json::object() : Json::array();
    for (const SourceMember& member : tree.members) {
        RESONANT_ASSIGN(Json value, convert(text, member.value));
        if (tree.is_object()) {
            made[member.name] = std::move(value);
        } else {
            made.push_back(std::move(value));
        }
    }
    return made;
}

}  // namespace

const SourceMember* SourceTree::find(std::string_view name) const {
    const auto found = std::find_if(members.rbegin(), members.rend(), [&](const SourceMember& one) { return one.name == name; });
    return kind != SourceKind::Object || found == members.rend() ? nullptr : &*found;
}

Result<SourceTree> read_source(std::string_view text) {
    if (text.size() > kSourceMax) {
        return fail(Code::ResourceExhausted, fmt::format("the file has {} bytes, at most {} are read", text.size(), kSourceMax));
    }
    if (!simdjson::validate_utf8(text.data(), text.size())) {
        std::size_t line = 1, begin = 0;
        for (std::size_t end = 0; end != std::string_view::npos; ++line, begin = end + 1) {
            end = text.find('\n', begin);
            const std::string_view one = text.substr(begin, end == std::string_view::npos ? end : end - begin);
            if (!simdjson::validate_utf8(one.data(), one.size())) {
                break;
            }
        }
        return fail(Code::InvalidArgument, fmt::format("line {}: it holds bytes that are not UTF-8; save the file as UTF-8", line));
    }
    return Reader(text).read();
}

Result<Json> value_of(std::string_view text, const SourceTree& tree) { return convert(text, tree); }

std::string place_in(std::string_view text, std::size_t offset) {
    const std::string_view before = text.substr(0, std::min(offset, text.size()));
    const auto lines = std::count(before.begin(), before.end(), '\n');
    std::string_view line = before.substr(before.rfind('\n') + 1);
    if (lines == 0 && line.starts_with(kMark)) {
        line.remove_prefix(kMark.size());
    }
    const auto column = std::count_if(line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
    return fmt::format("line {}, column {}", lines + 1, column + 1);
}

}  // namespace resonant::json
