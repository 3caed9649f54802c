// What the compiler and the check both ask of a value.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "resonant/base/utf8.h"
#include "resonant/json/schema_node.h"

namespace resonant::json {

namespace {

constexpr std::size_t kShownBytes = 60;
constexpr std::size_t kShownItems = 8;
constexpr std::array<std::pair<std::string_view, unsigned>, 7> kTypes{{
    {"array", kArray}, {"boolean", kBoolean}, {"integer", kInteger}, {"null", kNull},
    {"number", kNumber | kInteger}, {"object", kObject}, {"string", kString},
}};

}  // namespace

unsigned schema_type_of(const Json& value) {
    switch (value.type()) {
        case Json::value_t::null: return kNull;
        case Json::value_t::boolean: return kBoolean;
        case Json::value_t::string: return kString;
        case Json::value_t::array: return kArray;
        case Json::value_t::object: return kObject;
        case Json::value_t::number_integer:
        case Json::value_t::number_unsigned: return kInteger;
        default: break;
    }
    const double number = value.get<double>();
    return std::floor(number) == number ? kInteger : kNumber;
}

std::string schema_type_names(unsigned types) {
    std::string names;
    for (const auto& [name, bits] : kTypes) {
        const bool number_of_both = name == "integer" && (types & kNumber) != 0;
        if ((types & bits) == bits && !number_of_both) {
            names.append(names.empty() ? "" : " or ").append(name);
        }
    }
    return names;
}

unsigned schema_type_named(std::string_view name) {
    for (const auto& [known, bits] : kTypes) {
        if (known == name) {
            return bits;
        }
    }
    return 0;
}

std::string schema_shown(const Json& value) {
    // Never writes out what would only be cut: a value can be megabytes.
    const auto is_short = [](const Json& inner) {
        return !inner.is_structured() && (!inner.is_string() || inner.get_ref<const std::string&>().size() <= kShownBytes);
    };
    if (value.is_structured() && (value.size() > kShownItems || !std::all_of(value.begin(), value.end(), is_short))) {
        return value.is_array() ? "a list of " + std::to_string(value.size()) + " items"
                                : "an object of " + std::to_string(value.size()) + " members";
    }
    const bool cut_before = value.is_string() && value.get_ref<const std::string&>().size() > 2 * kShownBytes;
    std::string text = cut_before ? dump(value.get_ref<const std::string&>().substr(0, 2 * kShownBytes)) : dump(value);
    if (text.size() > kShownBytes) {
        text = std::string(cut_utf8(text, kShownBytes)) + "...";
    }
    return text;
}

}  // namespace resonant::json
