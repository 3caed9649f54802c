#include "resonant/json/json.h"

#include <fmt/core.h>
#include <simdjson.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "resonant/json/decimal.h"
#include "resonant/json/quote.h"

namespace resonant::json {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kCapacityKept = 512 * 1024;  // bytes of text; buffers for more are given back
constexpr std::size_t kDepthOfOurOwn = 1'024;  // what simdjson reads by itself
constexpr std::size_t kValuesMax = 300'000;  // a value costs up to 100 bytes while it is held

// `levels` of nesting are left. simdjson does not count an empty list or object as one; this does.
Json convert(dom::element element, std::size_t levels, bool& too_deep) {
    if ((element.is_array() || element.is_object()) && levels == 0) {
        too_deep = true;
        return nullptr;
    }
    switch (element.type()) {
        case dom::element_type::OBJECT: {
            const dom::object object(element);
            std::vector<JsonMember> members;
            members.reserve(object.size());
            for (const auto [key, value] : object) {
                members.push_back({std::string(key), convert(value, levels - 1, too_deep)});
            }
            return Json::from_members(std::move(members));
        }
        case dom::element_type::ARRAY: {
            const dom::array items(element);
            Json array = Json::array();
            array.reserve(items.size());
            for (const dom::element item : items) {
                array.push_back(convert(item, levels - 1, too_deep));
            }
            return array;
        }
        case dom::element_type::STRING:
            return std::string(std::string_view(element));
        case dom::element_type::INT64: {
            const std::int64_t number(element);
            return number < 0 ? Json(number) : Json(static_cast<std::uint64_t>(number));
        }
        case dom::element_type::UINT64:
            return std::uint64_t(element);
        case dom::element_type::DOUBLE:
            return double(element);
        case dom::element_type::BOOL:
            return bool(element);
        default:
            return nullptr;
    }
}

// The same document, with numbers beyond 64 bits as doubles.
Json rounded(const nlohmann::json& value) {
    if (value.is_object()) {
        Json object = Json::object();
        for (const auto& [name, member] : value.items()) {
            object[name] = rounded(member);
        }
        return object;
    }
    if (value.is_array()) {
        Json list = Json::array();
        for (const nlohmann::json& each : value) {
            list.push_back(rounded(each));
        }
        return list;
    }
    return value.is_number_float() ? Json(value.get<double>()) : Json::parse(value.dump());
}

// simdjson knows the kind of mistake; nlohmann's parser, slower, knows the place.
Error explain(simdjson::error_code error, std::string_view text) {
    if (error == simdjson::EMPTY) {
        return {Code::InvalidArgument, "parse JSON: the text is empty; send one JSON value"};
    }
    const std::string words = simdjson::error_message(error);
    if (error == simdjson::NUMBER_ERROR && nlohmann::json::accept(text)) {
        return {Code::ResourceExhausted, "parse JSON: an integer does not fit 64 bits; send it as a string"};
    }
    if (text.size() > kCapacityKept) {
        return {Code::InvalidArgument, "parse JSON: " + words};  // the place is not worth the memory
    }
    try {
        const auto unused = nlohmann::json::parse(text);
    } catch (const nlohmann::json::parse_error& found) {
        return {Code::InvalidArgument, fmt::format("parse JSON: at byte {}: {}", found.byte, words)};
    } catch (const nlohmann::json::exception&) {
        // A number out of range has no place in nlohmann's words either.
    }
    return {Code::InvalidArgument, "parse JSON: " + words};
}

// At most so many values as there are commas, colons and openings outside strings, and one.
bool too_many_values(std::string_view text) {
    if (text.size() < kValuesMax) {
        return false;
    }
    const auto opens = [](char c) { return c == ',' || c == ':' || c == '[' || c == '{'; };
    if (static_cast<std::size_t>(std::count_if(text.begin(), text.end(), opens)) < kValuesMax) {
        return false;  // the common case, quickly: whatever stands in strings is counted too
    }
    std::size_t values = 1;
    bool in_string = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (in_string && text[at] == '\\') {
            ++at;
        } else if (text[at] == '"') {
            in_string = !in_string;
        } else if (!in_string) {
            values += opens(text[at]) ? 1 : 0;
        }
    }
    return values > kValuesMax;
}

// Numbers as ECMAScript writes them (RFC 8785, 3.2.2.3): shortest digits that read back the same.
void append_number(std::string& out, double value) {
    if (!std::isfinite(value)) {
        out += "null";  // JSON has no word for it
        return;
    }
    if (value == 0) {
        out += '0';
        return;
    }
    const auto [digits, exponent] = decimal_of(std::abs(value));
    const int count = static_cast<int>(digits.size());
    const int point = exponent + 1;  // digits before the decimal point
    out += value < 0 ? "-" : "";
    if (point >= count && point <= 21) {
        out += digits;
        out.append(static_cast<std::size_t>(point - count), '0');
    } else if (point > 0 && point <= 21) {
        out += digits.substr(0, static_cast<std::size_t>(point)) + "." +
               digits.substr(static_cast<std::size_t>(point));
    } else if (point > -6 && point <= 0) {
        out += "0.";
        out.append(static_cast<std::size_t>(-point), '0');
        out += digits;
    } else {
        out += digits[0];
        if (count > 1) {
            out += "." + digits.substr(1);
        }
        out += fmt::format("e{}{}", exponent < 0 ? '-' : '+', std::abs(exponent));
    }
}

// Order of UTF-16 code units, as RFC 8785 wants. It differs from that of bytes only where a character
// beyond U+FFFF (lead byte F0..F4, a surrogate pair) meets one of U+E000..U+FFFF (lead byte EE, EF).
bool before_in_utf16(std::string_view a, std::string_view b) {
    const auto [x, y] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    if (x == a.end() || y == b.end()) {
        return x == a.end() && y != b.end();
    }
    const auto rank = [](char c) {
        const int byte = static_cast<unsigned char>(c);
        return byte == 0xEE || byte == 0xEF ? byte + 0x100 : byte;
    };
    return rank(*x) < rank(*y);
}

void append(std::string& out, const Json& value) {
    switch (value.type()) {
        case Json::value_t::object: {
            std::vector<std::pair<std::string_view, const Json*>> members;
            members.reserve(value.size());
            for (const auto& [key, member] : value.items()) {
                members.emplace_back(key, &member);
            }
            std::sort(members.begin(), members.end(),
                      [](const auto& a, const auto& b) { return before_in_utf16(a.first, b.first); });
            out += '{';
            for (std::size_t i = 0; i < members.size(); ++i) {
                out += i == 0 ? "" : ",";
                append_quoted(out, members[i].first);
                out += ':';
                append(out, *members[i].second);
            }
            out += '}';
            break;
        }
        case Json::value_t::array:
            out += '[';
            for (std::size_t i = 0; i < value.size(); ++i) {
                out += i == 0 ? "" : ",";
                append(out, value[i]);
            }
            out += ']';
            break;
        case Json::value_t::string: append_quoted(out, value.get_ref<const std::string&>()); break;
        case Json::value_t::boolean: out += value.get<bool>() ? "true" : "false"; break;
        // As ECMAScript sees them: every number is a double.
        case Json::value_t::number_integer:
        case Json::value_t::number_unsigned:
        case Json::value_t::number_float: append_number(out, value.get<double>()); break;
        default: out += "null";
    }
}

}  // namespace

Result<Json> parse(std::string_view text) {
    if (text.size() > kTextMax) {
        return fail(Code::ResourceExhausted,
                    fmt::format("parse JSON: the text has {} bytes, the limit is {}; send less at once",
                                text.size(), kTextMax));
    }
    if (too_many_values(text)) {
        return fail(Code::ResourceExhausted,
                    fmt::format("parse JSON: the text holds more than {} values; send less at once", kValuesMax));
    }
    // A thread's parser keeps its buffers from one message to the next.
    thread_local dom::parser parser(kTextMax + 1);
    if (parser.capacity() > kCapacityKept && text.size() <= kCapacityKept) {
        parser = dom::parser(kTextMax + 1);
    }
    if (parser.max_depth() != kDepthMax + 1) {
        if (const auto error = parser.allocate(64 * 1024, kDepthMax + 1); error != simdjson::SUCCESS) {
            return fail(Code::ResourceExhausted, "parse JSON: no memory for the parser; free some");
        }
    }
    dom::element element;
    const simdjson::error_code error = parser.parse(text.data(), text.size()).get(element);
    if (error != simdjson::SUCCESS && error != simdjson::DEPTH_ERROR) {
        return std::unexpected(explain(error, text));
    }
    bool too_deep = error == simdjson::DEPTH_ERROR;
    Json value = too_deep ? Json() : convert(element, kDepthMax, too_deep);
    if (too_deep) {
        return fail(Code::ResourceExhausted,
                    fmt::format("parse JSON: nested deeper than {} levels; send a flatter value", kDepthMax));
    }
    return value;
}

Json Json::parse(std::string_view text, std::nullptr_t, bool may_throw) {
    dom::parser parser;
    dom::element element;
    const simdjson::error_code error = parser.parse(text.data(), text.size()).get(element);
    bool failed = error != simdjson::SUCCESS;
    Json value = failed ? Json() : convert(element, kDepthOfOurOwn, failed);
    if (error == simdjson::NUMBER_ERROR) {
        const auto read = nlohmann::json::parse(text, nullptr, false);
        failed = read.is_discarded();
        value = failed ? Json() : rounded(read);
    }
    if (!failed) {
        return value;
    }
    if (may_throw) {
        throw exception("this text is not JSON: " + std::string(text.substr(0, 200)));
    }
    return Json(value_t::discarded);
}

Json Json::parse(std::string_view text) { return parse(text, nullptr, true); }

std::string dump(const Json& value) { return value.dump(); }

std::string canonical(const Json& value) {
    std::string out;
    append(out, value);
    return out;
}

}  // namespace resonant::json
