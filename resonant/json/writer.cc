// Json as text.
#include <simdjson.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <ostream>

#include "resonant/json/decimal.h"
#include "resonant/json/quote.h"
#include "resonant/json/value.h"

namespace resonant::json {
namespace {

// Doubles as nlohmann::json writes them: the shortest digits that read back the same, always with a point or an exponent.
void append_double(std::string& out, double value) {
    if (!std::isfinite(value)) {
        out += "null";  // JSON has no word for it
        return;
    }
    if (value == 0) {
        out += std::signbit(value) ? "-0.0" : "0.0";
        return;
    }
    const auto [digits, exponent] = decimal_of(std::abs(value));
    const int count = static_cast<int>(digits.size());
    const int point = exponent + 1;  // digits before the decimal point
    out += value < 0 ? "-" : "";
    if (point >= count && point <= 15) {
        out += digits;
        out.append(static_cast<std::size_t>(point - count), '0');
        out += ".0";
    } else if (point > 0 && point <= 15) {
        out.append(digits, 0, static_cast<std::size_t>(point)).append(1, '.');
        out.append(digits, static_cast<std::size_t>(point));
    } else if (point > -4 && point <= 0) {
        out += "0.";
        out.append(static_cast<std::size_t>(-point), '0');
        out += digits;
    } else {
        out += digits[0];
        if (count > 1) {
            out.append(1, '.').append(digits, 1);
        }
        out += exponent < 0 ? "e-" : "e+";
        out += std::abs(exponent) < 10 ? "0" : "";
        out += std::to_string(std::abs(exponent));
    }
}

template <typename Integer>
void append_integer(std::string& out, Integer value) {
    std::array<char, 24> buffer{};
    out.append(buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr);
}

void append_text(std::string& out, std::string_view text) {
    if (is_plain(text)) {
        out.append(1, '"').append(text).append(1, '"');
    } else {
        simdjson::validate_utf8(text) ? append_quoted(out, text) : append_quoted(out, valid_utf8(text));
    }
}

// A new line at this level of nesting; nothing when the text is compact.
void append_break(std::string& out, int indent, int level) {
    if (indent >= 0) {
        out.append(1, '\n').append(static_cast<std::size_t>(indent * level), ' ');
    }
}

void append(std::string& out, const Json& value, int indent, int level) {
    switch (value.type()) {
        case Json::value_t::null: out += "null"; break;
        case Json::value_t::boolean: out += value.get<bool>() ? "true" : "false"; break;
        case Json::value_t::number_integer: append_integer(out, value.get<std::int64_t>()); break;
        case Json::value_t::number_unsigned: append_integer(out, value.get<std::uint64_t>()); break;
        case Json::value_t::number_float: append_double(out, value.get<double>()); break;
        case Json::value_t::string: append_text(out, value.get<std::string_view>()); break;
        case Json::value_t::discarded: out += "<discarded>"; break;
        case Json::value_t::object:
        case Json::value_t::array: {
            const bool named = value.is_object();
            out += named ? '{' : '[';
            bool first = true;
            for (auto at = value.begin(); at != value.end(); ++at) {
                out += std::exchange(first, false) ? "" : ",";
                append_break(out, indent, level + 1);
                if (named) {
                    append_text(out, at.key());
                    out += indent >= 0 ? ": " : ":";
                }
                append(out, *at, indent, level + 1);
            }
            if (!first) {
                append_break(out, indent, level);
            }
            out += named ? '}' : ']';
        }
    }
}

}  // namespace

std::string Json::dump(int indent) const {
    std::string out;
    append(out, *this, indent, 0);
    return out;
}

std::ostream& operator<<(std::ostream& out, const Json& value) { return out << value.dump(); }

}  // namespace resonant::json
