// A SchemaNode is one schema, compiled: what the compiler writes and the check reads. Nodes point at each other, in circles
// too, and belong to the Schema that owns them all.
//
// Constant once compiled; any thread.
#pragma once

#include <re2/re2.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "resonant/json/schema.h"

namespace resonant::json {

enum SchemaType : unsigned {
    kNull = 1, kBoolean = 2, kInteger = 4, kNumber = 8, kString = 16, kArray = 32, kObject = 64,
};

struct SchemaNode;

// What shares one base URI: a document, or a part of it with an $id of its own.
struct SchemaResource {
    std::string uri;
    const Json* root = nullptr;                        // during compilation only
    std::map<std::string, const Json*> anchors;        // likewise
    std::map<std::string, const Json*> dynamic_roots;  // likewise
    std::map<std::string, const SchemaNode*, std::less<>> dynamic_anchors;
    bool validates = true;  // its metaschema has the validation vocabulary
    bool old_draft = false; // before 2019-09
};

struct SchemaNode {
    using Ptr = const SchemaNode*;

    const SchemaResource* resource = nullptr;
    bool never = false;  // the schema `false`
    unsigned types = 0;  // 0: any
    std::optional<Json> constant;
    std::optional<std::vector<Json>> enumeration;

    std::optional<Json> minimum, maximum, above, below, multiple;
    std::size_t length_min = 0, length_max = SIZE_MAX;
    std::shared_ptr<const re2::RE2> pattern;
    std::string pattern_shown;

    std::size_t items_min = 0, items_max = SIZE_MAX;
    bool unique = false;
    std::vector<Ptr> prefix;
    Ptr items = nullptr, contains = nullptr, unevaluated_items = nullptr;
    std::size_t contains_min = 1, contains_max = SIZE_MAX;

    std::size_t members_min = 0, members_max = SIZE_MAX;
    std::vector<std::string> required;
    std::map<std::string, Ptr, std::less<>> properties;
    std::vector<std::pair<std::shared_ptr<const re2::RE2>, Ptr>> patterns;
    Ptr additional = nullptr, names = nullptr, unevaluated_members = nullptr;
    std::map<std::string, std::vector<std::string>, std::less<>> dependent_names;
    std::map<std::string, Ptr, std::less<>> dependent_schemas;

    std::vector<Ptr> any_of, one_of, all_of;
    Ptr none_of = nullptr, condition = nullptr, consequence = nullptr, otherwise = nullptr;
    Ptr reference = nullptr;
    Ptr dynamic_reference = nullptr;
    std::string dynamic_name;  // looked up from the outermost resource inwards; empty: plain
};

struct Schema::Program {
    std::deque<SchemaNode> nodes;
    std::deque<SchemaResource> resources;
    SchemaNode::Ptr root = nullptr;
};

// A number with no fraction is an integer, as the draft wants: 2.0 is one.
unsigned schema_type_of(const Json& value);
// "integer or null".
std::string schema_type_names(unsigned types);
// The type's bits by its name, 0 when it is none.
unsigned schema_type_named(std::string_view name);
// The value's text, cut between characters to fit an error.
std::string schema_shown(const Json& value);

}  // namespace resonant::json
