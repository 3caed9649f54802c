// A SchemaCheck is one compiled schema meeting one value: the state that its steps share, and the steps.
//
// Belongs to one check, one thread. Used by schema_check.cc and schema_scalars.cc only.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <concepts>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/json/schema_node.h"

namespace resonant::json::schema_check {

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

}  // namespace resonant::json::schema_check
