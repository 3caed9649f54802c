#include "resonant/json/source_edit.h"

#include <fmt/core.h>

#include <algorithm>

namespace resonant::json {
namespace {

// Texts that stand in place of spans.
struct Edit {
    Span span;
    std::string text;
};

std::string rewritten(std::string_view text, std::vector<Edit> edits) {
    std::stable_sort(edits.begin(), edits.end(), [](const Edit& a, const Edit& b) { return a.span.begin < b.span.begin; });
    std::string made;
    std::size_t at = 0;
    for (const Edit& edit : edits) {
        made.append(text.substr(at, edit.span.begin - at)).append(edit.text);
        at = edit.span.end;
    }
    return made.append(text.substr(at));
}

std::string_view line_end(std::string_view text) { return text.find("\r\n") != std::string_view::npos ? "\r\n" : "\n"; }

bool blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

// The white space at the beginning of the line in which `at` stands.
std::string indent_of(std::string_view text, std::size_t at) {
    const std::size_t line = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
    return std::string(text.substr(line, std::min(text.find_first_not_of(" \t", line), at) - line));
}

// One level of indentation, as the text uses it first.
std::string unit_of(std::string_view text, const SourceTree& root) {
    for (const SourceMember& member : root.members) {
        const std::string indent = indent_of(text, member.key.begin);
        if (text.substr(root.span.begin, member.key.begin - root.span.begin).find('\n') != std::string_view::npos && !indent.empty()) {
            return indent;
        }
    }
    return "  ";
}

// As text over several lines, or on one where the neighbours are.
std::string shown(const Ordered& value, const std::string& indent, const std::string& unit, std::string_view eol, bool one_line) {
    if (one_line || unit.empty()) {
        return value.dump();
    }
    std::string made;
    for (const char c : value.dump(static_cast<int>(unit.size()), unit.front())) {
        if (c == '\n') {
            made.append(eol).append(indent);
        } else {
            made += c;
        }
    }
    return made;
}

// Where a new last member goes: behind the last thing in the object that is not white space.
std::size_t last_place(std::string_view text, const SourceTree& object) {
    std::size_t at = object.span.end - 1;
    while (at > object.span.begin + 1 && blank(text.substr(at - 1, 1))) {
        --at;
    }
    return at;
}

// Whether white space and comments end in a comment to the end of the line: what follows must begin on the next.
bool ends_in_line_comment(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        if (text.substr(at, 2) == "/*") {
            at = text.find("*/", at + 2) + 2;
        } else if (text.substr(at, 2) == "//") {
            at = text.find_first_of("\r\n", at);
            if (at == std::string_view::npos) {
                return true;
            }
        } else {
            ++at;
        }
    }
    return false;
}

std::vector<Edit> insertion(std::string_view text, const SourceTree& root, const SourceTree& object, const std::string& name,
                            const Ordered& value) {
    const std::string_view eol = line_end(text);
    const bool spread = object.span.of(text).find('\n') != std::string_view::npos;
    const bool whole = &object == &root;
    const bool one_line = !spread && !(object.members.empty() && (whole || text.find('\n') != std::string_view::npos));
    const std::string unit = unit_of(text, root);
    const std::string outer = indent_of(text, object.span.end - 1);
    const SourceMember* last = object.members.empty() ? nullptr : &object.members.back();
    const bool own_line = last != nullptr && indent_of(text, last->key.begin).size() ==
                                                 last->key.begin - (text.rfind('\n', last->key.begin) + 1);
    const std::string inner = own_line ? indent_of(text, last->key.begin) : indent_of(text, object.span.begin) + unit;
    const bool trailing = last != nullptr && last->comma != kNowhere;
    std::vector<Edit> edits;
    if (last != nullptr && !trailing) {
        edits.push_back({{last->value.span.end, last->value.span.end}, ","});
    }
    const std::size_t place = last_place(text, object);
    const std::string member = dump(Json(name)) + (one_line && text.find(": ") == std::string_view::npos ? ":" : ": ");
    std::string added;
    const std::size_t behind = last == nullptr ? object.span.begin + 1 : trailing ? last->comma + 1 : last->value.span.end;
    if (one_line && !ends_in_line_comment(text.substr(behind, place - behind))) {
        added = (last != nullptr && text.find(", ") != std::string_view::npos ? " " : "") + member +
                shown(value, "", unit, eol, true) + (trailing ? "," : "");
        edits.push_back({{place, place}, std::move(added)});
        return edits;
    }
    added = fmt::format("{}{}{}{}{}", eol, inner, member, shown(value, inner, unit, eol, false), trailing ? "," : "");
    if (text.substr(place, object.span.end - 1 - place).find('\n') == std::string_view::npos) {
        added += fmt::format("{}{}", eol, spread ? outer : indent_of(text, object.span.begin));  // the bracket gets a line of its own
        edits.push_back({{place, object.span.end - 1}, std::move(added)});
    } else {
        edits.push_back({{place, place}, std::move(added)});
    }
    return edits;
}

// The bytes of a member and what is left useless without it.
std::vector<Edit> removal(std::string_view text, const SourceTree& object, std::size_t which) {
    const SourceMember& member = object.members[which];
    Span gone{member.key.begin, member.value.span.end};
    std::vector<Edit> edits;
    if (member.comma != kNowhere) {
        if (blank(text.substr(gone.end, member.comma - gone.end))) {
            gone.end = member.comma + 1;
        } else {
            edits.push_back({{member.comma, member.comma + 1}, ""});
        }
    } else if (which > 0) {
        const std::size_t comma = object.members[which - 1].comma;
        edits.push_back({{comma, comma + 1}, ""});
    }
    const std::size_t line = text.rfind('\n', gone.begin) + 1;  // npos + 1 is 0
    const std::size_t end = std::min(text.find('\n', gone.end), text.size());
    const bool begins = blank(text.substr(line, gone.begin - line)) && line > object.span.begin;
    const bool ends = blank(text.substr(gone.end, end - gone.end)) && end < text.size();
    if (begins && ends) {
        gone = {line, end + 1};
    } else if (which + 1 < object.members.size() || begins) {
        const std::size_t next = text.find_first_not_of(" \t", gone.end);
        gone.end = next == std::string_view::npos || text[next] == '\r' || text[next] == '\n' ? gone.end : next;
    } else if (which > 0 && edits.size() == 1 && blank(text.substr(edits[0].span.end, gone.begin - edits[0].span.end))) {
        gone.begin = edits[0].span.begin;  // the last one of a line goes with the comma before it
        edits.clear();
    }
    edits.push_back({gone, ""});
    return edits;
}

Ordered nested(const SourcePath& path, std::size_t from, const Ordered& value) {
    Ordered made = value;
    for (std::size_t i = path.size(); i > from; --i) {
        made = Ordered{{path[i - 1], std::move(made)}};
    }
    return made;
}

}  // namespace

Result<std::string> put_member(std::string_view text, const SourcePath& path, const Ordered& value) {
    Result<SourceTree> root = read_source(text);
    if (!root) {
        const std::string filled = fmt::format("{}{}{{}}{}", text, text.empty() || text.ends_with('\n') ? "" : line_end(text),
                                               line_end(text));
        if (!read_source(filled)) {
            return std::unexpected(root.error());
        }
        return put_member(filled, path, value);
    }
    const SourceTree* at = &*root;
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (i > 0 && at->span.of(text) == "null") {
            return rewritten(text, {{at->span, shown(nested(path, i, value), indent_of(text, at->span.begin), unit_of(text, *root),
                                                 line_end(text), text.find('\n') == std::string_view::npos)}});
        }
        if (!at->is_object()) {
            return fail(Code::InvalidArgument, fmt::format("{}: {} is not an object", place_in(text, at->span.begin),
                                                           i == 0 ? "the file" : dump(Json(path[i - 1]))));
        }
        const SourceMember* member = at->find(path[i]);
        if (member == nullptr) {
            return rewritten(text, insertion(text, *root, *at, path[i], nested(path, i + 1, value)));
        }
        at = &member->value;
    }
    RESONANT_ASSIGN(const Json there, value_of(text, *at));
    if (there == Json::parse(value.dump())) {
        return std::string(text);
    }
    const bool one_line = at->span.of(text).find('\n') == std::string_view::npos && (at->kind != SourceKind::Scalar || !value.is_object());
    return rewritten(text, {{at->span, shown(value, indent_of(text, at->span.begin), unit_of(text, *root), line_end(text), one_line)}});
}

Result<std::string> take_member(std::string_view text, const SourcePath& path) {
    std::string made(text);
    for (;;) {
        RESONANT_ASSIGN(const SourceTree root, read_source(made));
        const SourceTree* at = &root;
        for (std::size_t i = 0; i + 1 < path.size() && at != nullptr; ++i) {
            const SourceMember* member = at->find(path[i]);
            at = member == nullptr ? nullptr : &member->value;
        }
        const SourceMember* member = at == nullptr ? nullptr : at->find(path.back());
        if (member == nullptr) {
            return made;
        }
        made = rewritten(made, removal(made, *at, static_cast<std::size_t>(member - at->members.data())));
    }
}

}  // namespace resonant::json
