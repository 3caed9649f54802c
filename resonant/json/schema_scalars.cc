// What a schema says of a value by itself: constants, numbers, strings.
#include <algorithm>
#include <cmath>
#include <limits>

#include "resonant/json/schema_check.h"

namespace resonant::json::schema_check {

namespace {

std::size_t code_points(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

std::string listed(const std::vector<Json>& values) {
    std::string text;
    for (const Json& each : values) {
        text += (text.empty() ? "" : ", ") + schema_shown(each);
    }
    return text;
}

bool is_multiple(const Json& value, const Json& of) {
    if (value.is_number_integer() && of.is_number_integer()) {
        const auto magnitude = [](const Json& number) {
            const auto bits = number.get<std::uint64_t>();  // of a negative number: its two's complement
            return !number.is_number_unsigned() && number.get<std::int64_t>() < 0 ? 0 - bits : bits;
        };
        const std::uint64_t divisor = magnitude(of);
        return divisor != 0 && magnitude(value) % divisor == 0;
    }
    const double quotient = value.get<double>() / of.get<double>();
    if (!std::isfinite(quotient)) {
        return std::fmod(value.get<double>(), of.get<double>()) == 0;
    }
    // 0.0075 is a multiple of 0.0001, though no double says so: a few units in the last place are forgiven.
    return std::fabs(quotient - std::round(quotient)) <= 4 * std::numeric_limits<double>::epsilon() * std::fabs(quotient);
}

}  // namespace

void Check::check_value(const Meeting& at) {
    const Node& node = at.node;
    if (node.constant && at.value != *node.constant) {
        found_.add(at.path, [&] { return fmt::format("{} is not {}", schema_shown(at.value), schema_shown(*node.constant)); });
    }
    if (node.enumeration && budget_.pay(node.enumeration->size() / 8) &&
        std::find(node.enumeration->begin(), node.enumeration->end(), at.value) == node.enumeration->end()) {
        found_.add(at.path, [&] { return fmt::format("{} is none of {}", schema_shown(at.value), listed(*node.enumeration)); });
    }
}

void Check::check_number(const Meeting& at) {
    const Node& node = at.node;
    const Json& value = at.value;
    const auto say = [&](std::string_view words, const Json& limit) {
        found_.add(at.path, [&] { return fmt::format("{} {} {}", schema_shown(value), words, schema_shown(limit)); });
    };
    if (node.minimum && value < *node.minimum) {
        say("is less than", *node.minimum);
    }
    if (node.maximum && value > *node.maximum) {
        say("is more than", *node.maximum);
    }
    if (node.above && value <= *node.above) {
        say("must be more than", *node.above);
    }
    if (node.below && value >= *node.below) {
        say("must be less than", *node.below);
    }
    if (node.multiple && !is_multiple(value, *node.multiple)) {
        say("is no multiple of", *node.multiple);
    }
}

void Check::check_string(const Meeting& at) {
    const Node& node = at.node;
    const auto& text = at.value.get_ref<const std::string&>();
    const bool bounded = node.length_min > 0 || node.length_max != SIZE_MAX;
    if ((bounded || node.pattern) && !budget_.pay(1 + text.size() / 64)) {
        return;
    }
    const std::size_t length = bounded ? code_points(text) : 0;
    if (length < node.length_min) {
        found_.add(at.path, [&] { return fmt::format("{} has {} characters, at least {} are needed", schema_shown(at.value), length,
                                        node.length_min); });
    }
    if (length > node.length_max) {
        found_.add(at.path, [&] { return fmt::format("{} has {} characters, the limit is {}", schema_shown(at.value), length,
                                        node.length_max); });
    }
    if (node.pattern && !re2::RE2::PartialMatch(text, *node.pattern)) {
        found_.add(at.path, [&] { return fmt::format("{} does not match the pattern {}", schema_shown(at.value), node.pattern_shown); });
    }
}

}  // namespace resonant::json::schema_check
