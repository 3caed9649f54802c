#include "resonant/tools/json_elements.h"

#include <fmt/core.h>

#include <algorithm>

#include "resonant/tools/records.h"

namespace resonant::tools {
namespace {

bool is_space(int byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; }

int after_spaces(TextSource& text) {
    while (is_space(text.peek())) {
        text.take();
    }
    return text.peek();
}

std::unexpected<Error> wrong(const TextSource& text, std::string_view wanted, int found) {
    const std::string shown = found == TextSource::kEnd       ? "its end"
                              : found >= 0x20 && found < 0x7f ? fmt::format("'{}'", static_cast<char>(found))
                                                              : fmt::format("byte 0x{:02x}", found);
    return fail(Code::InvalidArgument,
                fmt::format("line {}: the JSON has {} where {} should be", text.line(), shown, wanted));
}

// Takes bytes into an element, as many as it may have.
void add(JsonElement& element, int byte) {
    if (element.text.size() < kRecordBytes) {
        element.text += static_cast<char>(byte);
    } else {
        element.is_too_long = true;
    }
}

// From one quotation mark to the other.
bool cut_text(TextSource& text, JsonElement& element) {
    add(element, text.take());
    for (;;) {
        const int byte = text.take();
        if (byte == TextSource::kEnd) {
            return false;
        }
        add(element, byte);
        if (byte == '"') {
            return true;
        }
        if (byte == '\\' && text.peek() != TextSource::kEnd) {
            add(element, text.take());
        }
    }
}

// One value: brackets with all between them, a text, or what stands up to the next separator.
Status cut_value(TextSource& text, JsonElement& element) {
    element.text.clear();
    element.is_too_long = false;
    after_spaces(text);
    element.line = text.line();
    for (std::size_t depth = 0;;) {
        const int next = text.peek();
        if (next == TextSource::kEnd) {
            return depth == 0 ? Status()
                              : fail(Code::InvalidArgument,
                                     fmt::format("the JSON ends inside the value that begins on line {}",
                                                 element.line));
        }
        if (depth == 0 && (next == ',' || next == ']' || next == '}' || is_space(next))) {
            return {};
        }
        if (next == '"') {
            if (!cut_text(text, element)) {
                return fail(Code::InvalidArgument,
                            fmt::format("the JSON ends inside a text of the value that begins on line {}",
                                        element.line));
            }
            if (depth == 0) {
                return {};
            }
            continue;
        }
        depth += next == '{' || next == '[' ? 1 : 0;
        depth -= next == '}' || next == ']' ? 1 : 0;
        add(element, text.take());
        if (depth == 0 && (next == '}' || next == ']')) {
            return {};
        }
    }
}

Status each_of_list(TextSource& text, JsonElement& element,
                    const std::function<Status(const JsonElement&)>& use) {
    text.take();  // '['
    if (after_spaces(text) == ']') {
        text.take();
        return {};
    }
    for (;;) {
        RESONANT_CHECK(cut_value(text, element));
        if (element.text.empty()) {
            return wrong(text, "an element", text.peek());
        }
        RESONANT_CHECK(use(element));
        const int next = after_spaces(text);
        if (next != ',' && next != ']') {
            return wrong(text, "',' or ']'", next);
        }
        text.take();
        if (next == ']') {
            return {};
        }
    }
}

// The members of an object: those that are wanted lists element by element, the others passed over.
Result<std::size_t> each_of_members(TextSource& text, std::span<const std::string_view> names,
                                    const std::function<Status(const JsonElement&)>& use) {
    JsonElement element;
    std::size_t lists = 0;
    text.take();  // '{'
    if (after_spaces(text) == '}') {
        text.take();
        return lists;
    }
    for (;;) {
        if (after_spaces(text) != '"') {
            return wrong(text, "a member's name", text.peek());
        }
        RESONANT_CHECK(cut_value(text, element));
        const std::string name = element.text;
        if (after_spaces(text) != ':') {
            return wrong(text, "':'", text.peek());
        }
        text.take();
        const auto known = std::find_if(names.begin(), names.end(), [&](std::string_view each) {
            return name == fmt::format("\"{}\"", each);
        });
        if (after_spaces(text) == '[' && known != names.end()) {
            element.list = *known;
            RESONANT_CHECK(each_of_list(text, element, use));
            ++lists;
        } else {
            RESONANT_CHECK(cut_value(text, element));
        }
        const int next = after_spaces(text);
        if (next != ',' && next != '}') {
            return wrong(text, "',' or '}'", next);
        }
        text.take();
        if (next == '}') {
            return lists;
        }
    }
}

}  // namespace

Result<Json> JsonElement::parsed() const {
    if (is_too_long) {
        return fail(Code::ResourceExhausted,
                    fmt::format("the element has more than {} bytes; split it", kRecordBytes));
    }
    return json::parse(text);
}

Result<std::size_t> each_element(TextSource& text, std::span<const std::string_view> names,
                                 const std::function<Status(const JsonElement&)>& use) {
    const int first = after_spaces(text);
    std::size_t lists = 0;
    if (first == '[') {
        JsonElement element;
        RESONANT_CHECK(each_of_list(text, element, use));
        lists = 1;
    } else if (first == '{') {
        RESONANT_ASSIGN(lists, each_of_members(text, names, use));
    } else {
        return wrong(text, "'[' or '{'", first);
    }
    if (after_spaces(text) != TextSource::kEnd) {
        return wrong(text, "its end", text.peek());
    }
    return lists;
}

}  // namespace resonant::tools
