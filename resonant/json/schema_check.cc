// A compiled schema meets a value.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <limits>
#include <set>
#include <unordered_map>

#include "resonant/json/schema_node.h"

namespace resonant::json {

namespace {

using Node = SchemaNode;

// Where we are in the value; written out only when there is something to say.
struct Path {
    const Path* parent = nullptr;
    std::string_view key;       // of a member; at the root the name of the whole
    std::size_t index = SIZE_MAX;  // of an item

    std::string text() const {
        if (parent == nullptr) {
            return std::string(key);
        }
        std::string above = parent->text();
        return index != SIZE_MAX ? fmt::format("{}[{}]", above, index)
               : above.empty()   ? std::string(key)
                                 : fmt::format("{}.{}", above, key);
    }
};

// The resources entered on the way here, innermost first.
struct Scope {
    const Scope* outer;
    const SchemaResource* resource;
};

// Which members or items of one value some schema has looked at and accepted.
struct Seen {
    std::set<std::string_view> members;
    std::vector<bool> items;
    bool all = false;

    void item(std::size_t index) {
        items.resize(std::max(items.size(), index + 1));
        items[index] = true;
    }
    bool has(std::size_t index) const { return all || (index < items.size() && items[index]); }
    bool has(std::string_view name) const { return all || members.contains(name); }
    void merge(const Seen& other) {
        members.insert(other.members.begin(), other.members.end());
        items.resize(std::max(items.size(), other.items.size()));
        for (std::size_t i = 0; i < other.items.size(); ++i) {
            items[i] = items[i] || other.items[i];
        }
        all = all || other.all;
    }
};

// What all parts of one check share.
struct Budget {
    std::size_t steps = kSchemaStepsMax;
    bool spent = false;

    bool pay(std::size_t amount) {
        spent = spent || steps < amount;
        steps -= spent ? 0 : amount;
        return !spent;
    }
};

struct Findings {
    std::vector<std::string> words;
    std::size_t limit;  // 0: one is counted and nothing is written

    bool full() const { return words.size() >= std::max<std::size_t>(limit, 1); }
    void add(const Path& path, std::string_view what) {
        add(path, [&] { return what; });
    }
    // `tell` makes the words, when somebody will read them.
    void add(const Path& path, const std::invocable auto& tell) {
        if (limit == 0) {
            words.resize(1);
        } else if (!full()) {
            const std::string where = path.text();
            words.push_back(fmt::format("{}: {}", where.empty() ? "arguments" : where, tell()));
        }
    }
};

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

std::string not_known(const Node& node) {
    std::string names;
    for (const auto& [name, schema] : node.properties) {
        names += (names.empty() ? "" : ", ") + name;
    }
    return names.empty() ? "is not known; there are no arguments" : "is not known; known are " + names;
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

class Check {
  public:
    Check(Budget& budget, std::size_t errors_max) : budget_(budget), found_{{}, errors_max} {}

    void walk(const Node& node, const Json& value, const Path& path, const Scope* outer, Seen* seen, int depth);
    std::vector<std::string> words() { return std::move(found_.words); }

  private:
    // One schema met by one value: what the steps below share.
    struct Meeting {
        const Node& node;
        const Json& value;
        const Path& path;
        const Scope* scope;
        Seen* seen;
        int depth;
    };

    void here(const Meeting& at, const Node& node, Seen* seen) {
        walk(node, at.value, at.path, at.scope, seen, at.depth + 1);
    }
    void inside(const Meeting& at, const Node& node, const Json& value, const Path& path) {
        walk(node, value, path, at.scope, nullptr, at.depth + 1);
    }
    // Whether it fits, without words.
    bool holds(const Meeting& at, const Node& node, const Json& value, Seen* seen) {
        Check quiet(budget_, 0);
        quiet.walk(node, value, at.path, at.scope, seen, at.depth + 1);
        return quiet.found_.words.empty();
    }
    // As holds() on the same value; what was seen counts only when it fits.
    bool tried(const Meeting& at, const Node& node) {
        Seen inner;
        const bool fits = holds(at, node, at.value, at.seen == nullptr ? nullptr : &inner);
        if (fits && at.seen != nullptr) {
            at.seen->merge(inner);
        }
        return fits;
    }

    void check_value(const Meeting& at);
    void check_number(const Meeting& at);
    void check_string(const Meeting& at);
    void check_array(const Meeting& at);
    void check_unique(const Meeting& at);
    void check_contains(const Meeting& at);
    void check_object(const Meeting& at);
    void check_member(const Meeting& at, const std::string& key, const Json& member);
    void check_dependents(const Meeting& at);
    void check_combined(const Meeting& at);
    void check_references(const Meeting& at);
    void check_unevaluated(const Meeting& at);

    Budget& budget_;
    Findings found_;
};

void Check::walk(const Node& node, const Json& value, const Path& path, const Scope* outer, Seen* seen, int depth) {
    if (found_.full()) {
        return;
    }
    if (depth > kSchemaDepthMax || !budget_.pay(1)) {
        budget_.spent = true;
        found_.add(path, "cannot be checked: the schema's references go round too long");
        return;
    }
    if (node.never) {
        found_.add(path, "is not allowed");
        return;
    }
    const unsigned type = schema_type_of(value);
    if (node.types != 0 && (node.types & type) == 0) {
        found_.add(path, [&] { return fmt::format("{} is no {}", schema_shown(value), schema_type_names(node.types)); });
        return;  // what else is wrong follows from this
    }
    const Scope scope{outer, node.resource};
    const bool enters = outer == nullptr || outer->resource != node.resource;
    Seen own;
    const bool asks = node.unevaluated_members != nullptr || node.unevaluated_items != nullptr;
    const Meeting at{node, value, path, enters ? &scope : outer, asks ? &own : seen, depth};
    check_value(at);
    if ((type & (kInteger | kNumber)) != 0) {
        check_number(at);
    } else if (type == kString) {
        check_string(at);
    } else if (type == kArray) {
        check_array(at);
    } else if (type == kObject) {
        check_object(at);
    }
    check_references(at);
    check_combined(at);
    if (asks) {
        check_unevaluated(at);
        if (seen != nullptr) {
            seen->merge(own);
        }
    }
}

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
    if (node.minimum && schema_compare(value, *node.minimum) < 0) {
        say("is less than", *node.minimum);
    }
    if (node.maximum && schema_compare(value, *node.maximum) > 0) {
        say("is more than", *node.maximum);
    }
    if (node.above && schema_compare(value, *node.above) <= 0) {
        say("must be more than", *node.above);
    }
    if (node.below && schema_compare(value, *node.below) >= 0) {
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

void Check::check_array(const Meeting& at) {
    const Node& node = at.node;
    const Json& value = at.value;
    if (value.size() < node.items_min) {
        found_.add(at.path, [&] { return fmt::format("has {} items, at least {} are needed", value.size(), node.items_min); });
    }
    if (value.size() > node.items_max) {
        found_.add(at.path, [&] { return fmt::format("has {} items, the limit is {}", value.size(), node.items_max); });
        return;
    }
    if (node.unique) {
        check_unique(at);
    }
    for (std::size_t i = 0; i < value.size() && !found_.full(); ++i) {
        const Node* each = i < node.prefix.size() ? node.prefix[i] : node.items;
        if (each == nullptr) {
            break;
        }
        inside(at, *each, value[i], Path{&at.path, {}, i});
        if (at.seen != nullptr) {
            at.seen->item(i);
        }
    }
    if (node.contains != nullptr) {
        check_contains(at);
    }
}

void Check::check_unique(const Meeting& at) {
    std::unordered_map<std::string, std::vector<std::size_t>> alike;  // by canonical text, which rounds large integers
    for (std::size_t i = 0; i < at.value.size() && !found_.full(); ++i) {
        std::string text = canonical(at.value[i]);
        if (!budget_.pay(1 + text.size() / 64)) {
            return;
        }
        std::vector<std::size_t>& others = alike[std::move(text)];
        if (!budget_.pay(others.size()) ||
            std::any_of(others.begin(), others.end(), [&](std::size_t j) { return at.value[j] == at.value[i]; })) {
            found_.add(Path{&at.path, {}, i}, [&] { return fmt::format("{} is there twice", schema_shown(at.value[i])); });
        }
        others.push_back(i);
    }
}

void Check::check_contains(const Meeting& at) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < at.value.size() && !budget_.spent; ++i) {
        if (holds(at, *at.node.contains, at.value[i], nullptr)) {
            ++count;
            if (at.seen != nullptr) {
                at.seen->item(i);
            }
        }
    }
    if (count < at.node.contains_min) {
        found_.add(at.path, [&] { return fmt::format("has {} items of the form asked for, at least {} are needed", count,
                                        at.node.contains_min); });
    }
    if (count > at.node.contains_max) {
        found_.add(at.path, [&] { return fmt::format("has {} items of the form asked for, the limit is {}", count,
                                        at.node.contains_max); });
    }
}

void Check::check_object(const Meeting& at) {
    const Node& node = at.node;
    const Json& value = at.value;
    if (value.size() < node.members_min) {
        found_.add(at.path, [&] { return fmt::format("has {} members, at least {} are needed", value.size(), node.members_min); });
    }
    if (value.size() > node.members_max) {
        found_.add(at.path, [&] { return fmt::format("has {} members, the limit is {}", value.size(), node.members_max); });
        return;
    }
    for (const std::string& name : node.required) {
        if (budget_.pay(1) && !value.contains(name)) {
            found_.add(Path{&at.path, name}, "is required and missing");
        }
    }
    const bool looks = !node.properties.empty() || !node.patterns.empty() || node.additional != nullptr || node.names != nullptr;
    for (auto member = value.begin(); looks && member != value.end() && !found_.full() && budget_.pay(1); ++member) {
        check_member(at, member.key(), *member);
    }
    check_dependents(at);
}

void Check::check_member(const Meeting& at, const std::string& key, const Json& member) {
    const Node& node = at.node;
    const Path path{&at.path, key};
    if (node.names != nullptr) {
        inside(at, *node.names, Json(key), path);
    }
    const auto known = node.properties.find(key);
    bool met = known != node.properties.end();
    if (met) {
        inside(at, *known->second, member, path);
    }
    for (const auto& [pattern, schema] : node.patterns) {
        if (budget_.pay(1 + key.size() / 64) && re2::RE2::PartialMatch(key, *pattern)) {
            met = true;
            inside(at, *schema, member, path);
        }
    }
    if (!met && node.additional != nullptr) {
        met = true;
        if (!node.additional->never) {
            inside(at, *node.additional, member, path);
        } else {
            found_.add(path, [&] { return not_known(node); });
        }
    }
    if (met && at.seen != nullptr) {
        at.seen->members.insert(key);
    }
}

void Check::check_dependents(const Meeting& at) {
    for (const auto& [name, needs] : at.node.dependent_names) {
        for (const std::string& need : needs) {
            if (budget_.pay(1) && at.value.contains(name) && !at.value.contains(need)) {
                found_.add(Path{&at.path, need}, [&] { return fmt::format("is required beside {} and missing", name); });
            }
        }
    }
    for (const auto& [name, schema] : at.node.dependent_schemas) {
        if (at.value.contains(name)) {
            here(at, *schema, at.seen);
        }
    }
}

void Check::check_references(const Meeting& at) {
    if (at.node.reference != nullptr) {
        here(at, *at.node.reference, at.seen);
    }
    if (at.node.dynamic_reference == nullptr) {
        return;
    }
    const Node* target = at.node.dynamic_reference;
    if (!at.node.dynamic_name.empty()) {
        for (const Scope* scope = at.scope; scope != nullptr; scope = scope->outer) {
            const auto found = scope->resource->dynamic_anchors.find(at.node.dynamic_name);
            target = found == scope->resource->dynamic_anchors.end() ? target : found->second;
        }
    }
    here(at, *target, at.seen);
}

void Check::check_combined(const Meeting& at) {
    const Node& node = at.node;
    for (const Node* each : node.all_of) {
        here(at, *each, at.seen);
    }
    if (!node.any_of.empty()) {
        // With nobody asking what was seen, the first that fits is enough.
        bool fits = false;
        for (std::size_t i = 0; i < node.any_of.size() && (!fits || at.seen != nullptr); ++i) {
            fits = tried(at, *node.any_of[i]) || fits;
        }
        if (!fits) {
            found_.add(at.path, [&] { return fmt::format("{} fits none of the {} forms allowed", schema_shown(at.value),
                                            node.any_of.size()); });
        }
    }
    if (!node.one_of.empty()) {
        std::size_t fits = 0;
        for (std::size_t i = 0; i < node.one_of.size() && fits < 2; ++i) {
            fits += tried(at, *node.one_of[i]) ? 1 : 0;
        }
        if (fits != 1) {
            found_.add(at.path, [&] { return fmt::format("{} must fit exactly one of the {} forms allowed", schema_shown(at.value),
                                            node.one_of.size()); });
        }
    }
    if (node.none_of != nullptr && holds(at, *node.none_of, at.value, nullptr)) {
        found_.add(at.path, [&] { return fmt::format("{} is of the form that is not allowed", schema_shown(at.value)); });
    }
    if (node.condition != nullptr) {
        const Node* next = tried(at, *node.condition) ? node.consequence : node.otherwise;
        if (next != nullptr) {
            here(at, *next, at.seen);
        }
    }
}

void Check::check_unevaluated(const Meeting& at) {
    const Node& node = at.node;
    if (node.unevaluated_members != nullptr && at.value.is_object()) {
        for (const auto& [key, member] : at.value.items()) {
            if (budget_.pay(1) && !at.seen->has(std::string_view(key))) {
                inside(at, *node.unevaluated_members, member, Path{&at.path, key});
            }
        }
        at.seen->all = true;
    }
    if (node.unevaluated_items != nullptr && at.value.is_array()) {
        for (std::size_t i = 0; i < at.value.size() && !found_.full(); ++i) {
            if (!at.seen->has(i)) {
                inside(at, *node.unevaluated_items, at.value[i], Path{&at.path, {}, i});
            }
        }
        at.seen->all = true;
    }
}

}  // namespace

std::vector<std::string> Schema::errors(const Json& value, std::size_t errors_max, const std::string& root) const {
    Budget budget;
    Check check(budget, errors_max);
    const Path path{nullptr, root};
    check.walk(*program_->root, value, path, nullptr, nullptr, 0);
    if (!budget.spent) {
        return check.words();
    }
    // `not` may have turned what was never decided into a yes.
    return {fmt::format("{}: cannot be checked: the schema needs more than {} steps or {} levels for this value; "
                        "send a smaller value or simplify the schema",
                        root.empty() ? "arguments" : root, kSchemaStepsMax, kSchemaDepthMax)};
}

}  // namespace resonant::json
