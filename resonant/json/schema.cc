#include "resonant/json/schema.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace resonant::json {

namespace {

constexpr int kSchemaDepthMax = 32;
constexpr std::size_t kShownBytes = 60;  // of a value in an error text

enum Type : unsigned {
    kNull = 1, kBoolean = 2, kInteger = 4, kNumber = 8, kString = 16, kArray = 32, kObject = 64,
};
const std::map<std::string, unsigned, std::less<>> kTypes = {
    {"null", kNull},     {"boolean", kBoolean}, {"integer", kInteger}, {"number", kNumber | kInteger},
    {"string", kString}, {"array", kArray},     {"object", kObject},
};
const std::set<std::string, std::less<>> kAnnotations = {
    "title", "description", "default", "example", "examples", "format", "$schema", "$id", "$comment",
    "deprecated", "readOnly", "writeOnly",
};

// A number with no fraction is an integer, as the draft wants: 2.0 is one.
unsigned type_of(const Json& value) {
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
    return number == static_cast<double>(static_cast<std::int64_t>(
               std::clamp(number, -9.0e18, 9.0e18))) ? kInteger : kNumber;
}

std::string names_of(unsigned types) {
    std::string names;
    for (const auto& [name, bits] : kTypes) {
        const bool number_of_both = name == "integer" && (types & kNumber) != 0;
        if ((types & bits) == bits && !number_of_both) {
            names += (names.empty() ? "" : " or ") + name;
        }
    }
    return names;
}

// UTF-8 is cut between characters.
std::string shown(const Json& value) {
    std::string text = dump(value);
    if (text.size() > kShownBytes) {
        std::size_t cut = kShownBytes;
        while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) {
            --cut;
        }
        text = text.substr(0, cut) + "...";
    }
    return text;
}

std::size_t code_points(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

std::string join(const std::string& path, std::string_view key) {
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

}  // namespace

struct Schema::Node {
    using Ptr = std::shared_ptr<const Node>;

    bool never = false;  // the schema `false`
    unsigned types = 0;  // 0: any
    std::optional<Json> constant;
    std::vector<Json> enumeration;
    std::vector<std::string> required;
    std::map<std::string, Ptr, std::less<>> properties;
    bool closed = false;  // additionalProperties: false
    Ptr items;
    std::optional<Json> minimum, maximum, above, below;
    std::size_t length_min = 0, length_max = SIZE_MAX;
    std::size_t items_min = 0, items_max = SIZE_MAX;
    bool unique = false;
    std::shared_ptr<const re2::RE2> pattern;
    std::vector<Ptr> any_of, one_of, all_of;
    Ptr none_of;
};

namespace {

using Node = Schema::Node;

// What a walk over one value has found.
struct Findings {
    std::vector<std::string> words;
    std::size_t limit;

    bool full() const { return words.size() >= limit; }
    void add(const std::string& path, std::string_view what) {
        if (!full()) {
            words.push_back(fmt::format("{}: {}", path.empty() ? "arguments" : path, what));
        }
    }
};

void walk(const Node& node, const Json& value, const std::string& path, Findings& found);

bool holds(const Node& node, const Json& value) {
    Findings found{{}, 1};
    walk(node, value, "", found);
    return found.words.empty();
}

void walk_number(const Node& node, const Json& value, const std::string& path, Findings& found) {
    if (node.minimum && value < *node.minimum) {
        found.add(path, fmt::format("{} is less than {}", shown(value), shown(*node.minimum)));
    }
    if (node.maximum && value > *node.maximum) {
        found.add(path, fmt::format("{} is more than {}", shown(value), shown(*node.maximum)));
    }
    if (node.above && value <= *node.above) {
        found.add(path, fmt::format("{} must be more than {}", shown(value), shown(*node.above)));
    }
    if (node.below && value >= *node.below) {
        found.add(path, fmt::format("{} must be less than {}", shown(value), shown(*node.below)));
    }
}

void walk_string(const Node& node, const Json& value, const std::string& path, Findings& found) {
    const auto& text = value.get_ref<const std::string&>();
    const bool bounded = node.length_min > 0 || node.length_max != SIZE_MAX;
    const std::size_t length = bounded ? code_points(text) : 0;
    if (length < node.length_min) {
        found.add(path, fmt::format("{} has {} characters, at least {} are needed", shown(value), length,
                                    node.length_min));
    }
    if (length > node.length_max) {
        found.add(path, fmt::format("{} has {} characters, the limit is {}", shown(value), length,
                                    node.length_max));
    }
    if (node.pattern && !re2::RE2::PartialMatch(text, *node.pattern)) {
        found.add(path, fmt::format("{} does not match the pattern {}", shown(value),
                                    node.pattern->pattern()));
    }
}

void walk_array(const Node& node, const Json& value, const std::string& path, Findings& found) {
    if (value.size() < node.items_min) {
        found.add(path, fmt::format("has {} items, at least {} are needed", value.size(), node.items_min));
    }
    if (value.size() > node.items_max) {
        found.add(path, fmt::format("has {} items, the limit is {}", value.size(), node.items_max));
        return;
    }
    if (node.unique) {
        std::set<std::string> seen;
        for (std::size_t i = 0; i < value.size() && !found.full(); ++i) {
            if (!seen.insert(canonical(value[i])).second) {
                found.add(fmt::format("{}[{}]", path, i), fmt::format("{} is there twice", shown(value[i])));
            }
        }
    }
    for (std::size_t i = 0; node.items && i < value.size() && !found.full(); ++i) {
        walk(*node.items, value[i], fmt::format("{}[{}]", path, i), found);
    }
}

void walk_object(const Node& node, const Json& value, const std::string& path, Findings& found) {
    for (const std::string& name : node.required) {
        if (!value.contains(name)) {
            found.add(join(path, name), "is required and missing");
        }
    }
    for (const auto& [key, member] : value.items()) {
        const auto known = node.properties.find(key);
        if (known != node.properties.end()) {
            walk(*known->second, member, join(path, key), found);
        } else if (node.closed) {
            std::string names;
            for (const auto& [name, schema] : node.properties) {
                names += (names.empty() ? "" : ", ") + name;
            }
            found.add(join(path, key), names.empty() ? "is not known; there are no arguments"
                                                     : "is not known; known are " + names);
        }
        if (found.full()) {
            return;
        }
    }
}

void walk_combined(const Node& node, const Json& value, const std::string& path, Findings& found) {
    for (const Node::Ptr& each : node.all_of) {
        walk(*each, value, path, found);
    }
    const auto count = [&](const std::vector<Node::Ptr>& nodes) {
        return std::count_if(nodes.begin(), nodes.end(),
                             [&](const Node::Ptr& each) { return holds(*each, value); });
    };
    if (!node.any_of.empty() && count(node.any_of) == 0) {
        found.add(path, fmt::format("{} fits none of the {} forms allowed", shown(value), node.any_of.size()));
    }
    if (!node.one_of.empty() && count(node.one_of) != 1) {
        found.add(path, fmt::format("{} must fit exactly one of the {} forms allowed", shown(value),
                                    node.one_of.size()));
    }
    if (node.none_of && holds(*node.none_of, value)) {
        found.add(path, fmt::format("{} is of the form that is not allowed", shown(value)));
    }
}

void walk(const Node& node, const Json& value, const std::string& path, Findings& found) {
    if (found.full()) {
        return;
    }
    if (node.never) {
        found.add(path, "is not allowed");
        return;
    }
    const unsigned type = type_of(value);
    if (node.types != 0 && (node.types & type) == 0) {
        found.add(path, fmt::format("{} is no {}", shown(value), names_of(node.types)));
        return;  // what else is wrong follows from this
    }
    if (node.constant && value != *node.constant) {
        found.add(path, fmt::format("{} is not {}", shown(value), shown(*node.constant)));
    }
    if (!node.enumeration.empty() &&
        std::find(node.enumeration.begin(), node.enumeration.end(), value) == node.enumeration.end()) {
        std::string allowed;
        for (const Json& each : node.enumeration) {
            allowed += (allowed.empty() ? "" : ", ") + shown(each);
        }
        found.add(path, fmt::format("{} is none of {}", shown(value), allowed));
    }
    if ((type & (kInteger | kNumber)) != 0) {
        walk_number(node, value, path, found);
    } else if (type == kString) {
        walk_string(node, value, path, found);
    } else if (type == kArray) {
        walk_array(node, value, path, found);
    } else if (type == kObject) {
        walk_object(node, value, path, found);
    }
    walk_combined(node, value, path, found);
}

// Compiles one schema and those inside it.
class Compiler {
  public:
    Result<Node::Ptr> compile(const Json& schema, const std::string& path, int depth) {
        if (depth > kSchemaDepthMax) {
            return bad(path, fmt::format("is nested deeper than {} schemas", kSchemaDepthMax));
        }
        auto node = std::make_shared<Node>();
        if (schema.is_boolean()) {
            node->never = !schema.get<bool>();
            return node;
        }
        if (!schema.is_object()) {
            return bad(path, "is no schema: an object or a boolean is needed");
        }
        for (const auto& [keyword, value] : schema.items()) {
            RESONANT_CHECK(take(*node, keyword, value, join(path, keyword), depth));
        }
        return node;
    }

  private:
    static std::unexpected<Error> bad(const std::string& path, std::string_view what) {
        return fail(Code::InvalidArgument,
                    fmt::format("compile schema: {} {}", path.empty() ? "the schema" : path, what));
    }

    Status take(Node& node, const std::string& keyword, const Json& value, const std::string& path,
                int depth) {
        if (kAnnotations.contains(keyword)) {
            return {};
        }
        if (keyword == "type") {
            return take_type(node, value, path);
        }
        if (keyword == "const") {
            node.constant = value;
            return {};
        }
        if (keyword == "enum" || keyword == "required") {
            return take_list(node, keyword, value, path);
        }
        if (keyword == "pattern") {
            return take_pattern(node, value, path);
        }
        if (keyword == "additionalProperties" || keyword == "uniqueItems") {
            if (!value.is_boolean()) {
                return bad(path, "must be true or false");
            }
            (keyword == "uniqueItems" ? node.unique : node.closed) =
                value.get<bool>() == (keyword == "uniqueItems");
            return {};
        }
        if (const auto bound = bound_of(node, keyword); bound != nullptr) {
            if (!value.is_number()) {
                return bad(path, "must be a number");
            }
            *bound = value;
            return {};
        }
        if (const auto size = size_of(node, keyword); size != nullptr) {
            if (type_of(value) != kInteger || value.get<double>() < 0) {
                return bad(path, "must be a whole number, 0 or more");
            }
            *size = value.get<std::size_t>();
            return {};
        }
        return take_schemas(node, keyword, value, path, depth);
    }

    static std::optional<Json>* bound_of(Node& node, std::string_view keyword) {
        return keyword == "minimum"            ? &node.minimum
               : keyword == "maximum"          ? &node.maximum
               : keyword == "exclusiveMinimum" ? &node.above
               : keyword == "exclusiveMaximum" ? &node.below
                                               : nullptr;
    }

    static std::size_t* size_of(Node& node, std::string_view keyword) {
        return keyword == "minLength"   ? &node.length_min
               : keyword == "maxLength" ? &node.length_max
               : keyword == "minItems"  ? &node.items_min
               : keyword == "maxItems"  ? &node.items_max
                                        : nullptr;
    }

    static Status take_type(Node& node, const Json& value, const std::string& path) {
        for (const Json& name : value.is_array() ? value : Json::array({value})) {
            const auto known = name.is_string() ? kTypes.find(name.get_ref<const std::string&>()) : kTypes.end();
            if (known == kTypes.end()) {
                return bad(path, fmt::format("{} is no type", shown(name)));
            }
            node.types |= known->second;
        }
        return {};
    }

    static Status take_list(Node& node, const std::string& keyword, const Json& value,
                            const std::string& path) {
        if (!value.is_array()) {
            return bad(path, "must be a list");
        }
        if (keyword == "enum") {
            node.enumeration = value.get<std::vector<Json>>();
            node.never = value.empty();
            return {};
        }
        for (const Json& name : value) {
            if (!name.is_string()) {
                return bad(path, fmt::format("{} is no name", shown(name)));
            }
            node.required.push_back(name.get<std::string>());
        }
        return {};
    }

    static Status take_pattern(Node& node, const Json& value, const std::string& path) {
        if (!value.is_string()) {
            return bad(path, "must be a string");
        }
        auto pattern = std::make_shared<re2::RE2>(value.get<std::string>(), re2::RE2::Quiet);
        if (!pattern->ok()) {
            return bad(path, fmt::format("{} is no RE2 pattern: {}", shown(value), pattern->error()));
        }
        node.pattern = std::move(pattern);
        return {};
    }

    Status take_schemas(Node& node, const std::string& keyword, const Json& value,
                        const std::string& path, int depth) {
        if (keyword == "items" || keyword == "not") {
            RESONANT_ASSIGN((keyword == "not" ? node.none_of : node.items), compile(value, path, depth + 1));
            return {};
        }
        if (keyword == "properties" && value.is_object()) {
            for (const auto& [name, schema] : value.items()) {
                RESONANT_ASSIGN(node.properties[name], compile(schema, join(path, name), depth + 1));
            }
            return {};
        }
        std::vector<Node::Ptr>* const list = keyword == "anyOf"   ? &node.any_of
                                             : keyword == "oneOf" ? &node.one_of
                                             : keyword == "allOf" ? &node.all_of
                                                                  : nullptr;
        if (list == nullptr || !value.is_array() || value.empty()) {
            return bad(path, "is no keyword that is known here, or not of its form");
        }
        for (std::size_t i = 0; i < value.size(); ++i) {
            RESONANT_ASSIGN(Node::Ptr each, compile(value[i], fmt::format("{}[{}]", path, i), depth + 1));
            list->push_back(std::move(each));
        }
        return {};
    }
};

}  // namespace

Result<Schema> Schema::compile(const Json& schema) {
    RESONANT_ASSIGN(auto root, Compiler().compile(schema, "", 0));
    return Schema(std::move(root));
}

std::vector<std::string> Schema::errors(const Json& value, std::size_t errors_max,
                                        const std::string& root) const {
    Findings found{{}, errors_max};
    walk(*root_, value, root, found);
    return std::move(found.words);
}

}  // namespace resonant::json
