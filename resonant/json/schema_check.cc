// A compiled schema meets a value: lists, objects, and schemas combined. Numbers and strings: schema_scalars.cc.
#include "resonant/json/schema_check.h"

#include <algorithm>
#include <unordered_map>

namespace resonant::json {

namespace schema_check {

namespace {

std::string not_known(const Node& node) {
    std::string names;
    for (const auto& [name, schema] : node.properties) {
        names += (names.empty() ? "" : ", ") + name;
    }
    return names.empty() ? "is not known; there are no arguments" : "is not known; known are " + names;
}

}  // namespace

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
        found_.add(path, [&] { return fmt::format("{} is not of type {}", schema_shown(value), schema_type_names(node.types)); });
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

}  // namespace schema_check

std::vector<std::string> Schema::errors(const Json& value, std::size_t errors_max, const std::string& root) const {
    schema_check::Budget budget;
    schema_check::Check check(budget, errors_max);
    const schema_check::Path path{nullptr, root};
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
