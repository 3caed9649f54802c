// From the text of a schema to nodes. Children are entered in a queue, not compiled in place: circles need no care, and
// depth costs no stack.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <set>

#include "resonant/json/pattern.h"
#include "resonant/json/schema_registry.h"

namespace resonant::json {

namespace {

constexpr std::array<std::string_view, 22> kAnnotations{
    "title", "description", "default", "example", "examples", "format", "$schema", "$id", "$comment", "deprecated",
    "readOnly", "writeOnly", "$anchor", "$dynamicAnchor", "$defs", "definitions", "$vocabulary", "contentEncoding",
    "contentMediaType", "contentSchema", "id", "additionalItems"};

std::string join(const std::string& path, std::string_view key) {
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

std::unexpected<Error> bad(const std::string& path, std::string_view what) {
    return fail(Code::InvalidArgument, fmt::format("compile schema: {} {}", path.empty() ? "the schema" : path, what));
}

class Compiler {
  public:
    Compiler(Schema::Program& program, const SchemaOptions& options)
        : program_(program), options_(options), registry_(program.resources, options.documents) {}

    Status run(const Json& schema);

  private:
    struct Work {
        SchemaNode* node;
        SchemaPlace place;
        std::string path;
    };
    using Slot = SchemaNode::Ptr;

    Result<Slot> node_at(SchemaPlace place, const std::string& path);
    Status compile(const Work& work);
    Status take(const Work& work, const std::string& keyword, const Json& value);
    Status take_assertion(const Work& work, const std::string& keyword, const Json& value, const std::string& path);
    Status take_applicator(const Work& work, const std::string& keyword, const Json& value, const std::string& path);
    Status take_named(const Work& work, const std::string& keyword, const Json& value, const std::string& path);
    Status take_reference(const Work& work, bool dynamic, const Json& value, const std::string& path);
    Status take_dependencies(const Work& work, const Json& value, const std::string& path);
    Status enter_dynamic_anchors();
    static Status take_types(SchemaNode& node, const Json& value, const std::string& path);
    static Status take_names(std::vector<std::string>& names, const Json& value, const std::string& path);
    static std::optional<Json>* bound_of(SchemaNode& node, std::string_view keyword);
    static std::size_t* count_of(SchemaNode& node, std::string_view keyword);
    static Slot* child_of(SchemaNode& node, std::string_view keyword);
    static std::vector<Slot>* children_of(SchemaNode& node, std::string_view keyword);

    Schema::Program& program_;
    const SchemaOptions& options_;
    SchemaRegistry registry_;
    std::map<const Json*, SchemaNode*> nodes_;
    std::deque<Work> waiting_;
    std::set<std::string> dynamic_names_;
};

Status Compiler::run(const Json& schema) {
    if (const Status entered = registry_.enter(schema, ""); !entered) {
        return bad("", entered.error().message);
    }
    RESONANT_ASSIGN(program_.root, node_at({&schema, &program_.resources.front()}, ""));
    while (!waiting_.empty()) {
        const Work work = std::move(waiting_.front());
        waiting_.pop_front();
        RESONANT_CHECK(compile(work));
        if (waiting_.empty()) {
            RESONANT_CHECK(enter_dynamic_anchors());
        }
    }
    for (SchemaResource& resource : program_.resources) {
        resource.root = nullptr;  // the texts need not outlive this
        resource.anchors.clear();
        resource.dynamic_roots.clear();
    }
    return {};
}

// Whatever a $dynamicRef may meet has to be there.
Status Compiler::enter_dynamic_anchors() {
    for (SchemaResource& resource : program_.resources) {
        for (const auto& [name, schema] : resource.dynamic_roots) {
            if (dynamic_names_.contains(name) && !resource.dynamic_anchors.contains(name)) {
                RESONANT_ASSIGN(resource.dynamic_anchors[name], node_at({schema, &resource}, "#" + name));
            }
        }
    }
    return {};
}

Result<SchemaNode::Ptr> Compiler::node_at(SchemaPlace place, const std::string& path) {
    const auto [entry, added] = nodes_.emplace(place.schema, nullptr);
    if (!added) {
        return entry->second;
    }
    if (program_.nodes.size() >= kSchemaNodesMax) {
        return bad(path, fmt::format("is one of more than {} schemas", kSchemaNodesMax));
    }
    entry->second = &program_.nodes.emplace_back();
    waiting_.push_back({entry->second, place, path});
    return entry->second;
}

Status Compiler::compile(const Work& work) {
    const Json& schema = *work.place.schema;
    SchemaResource* resource = registry_.resource_of(schema, work.place.resource);
    work.node->resource = resource;
    if (schema.is_boolean()) {
        work.node->never = !schema.get<bool>();
        return {};
    }
    if (!schema.is_object()) {
        return bad(work.path, "is no schema: an object or a boolean is needed");
    }
    const Work inside{work.node, {&schema, resource}, work.path};
    for (const auto& [keyword, value] : schema.items()) {
        RESONANT_CHECK(take(inside, keyword, value));
    }
    return {};
}

Status Compiler::take(const Work& work, const std::string& keyword, const Json& value) {
    const std::string path = join(work.path, keyword);
    if (keyword == "$ref" || keyword == "$dynamicRef") {
        return take_reference(work, keyword == "$dynamicRef", value, path);
    }
    if (Slot* const child = child_of(*work.node, keyword); child != nullptr) {
        if (keyword == "items" && value.is_array() && work.place.resource->old_draft) {
            return take_applicator(work, "prefixItems", value, path);
        }
        if (keyword == "items" && value.is_array()) {
            return bad(path, "is a list; since 2020-12 that is prefixItems");
        }
        RESONANT_ASSIGN(*child, node_at({&value, work.place.resource}, path));
        return {};
    }
    return take_applicator(work, keyword, value, path);
}

Status Compiler::take_applicator(const Work& work, const std::string& keyword, const Json& value, const std::string& path) {
    if (std::vector<Slot>* const list = children_of(*work.node, keyword); list != nullptr) {
        if (!value.is_array() || value.empty()) {
            return bad(path, "must be a list of one schema or more");
        }
        for (std::size_t i = 0; i < value.size(); ++i) {
            RESONANT_ASSIGN(const Slot each, node_at({&value[i], work.place.resource}, fmt::format("{}[{}]", path, i)));
            list->push_back(each);
        }
        const auto rest = work.place.schema->find("additionalItems");
        if (keyword == "prefixItems" && work.place.resource->old_draft && rest != work.place.schema->end()) {
            RESONANT_ASSIGN(work.node->items, node_at({&*rest, work.place.resource}, join(work.path, "additionalItems")));
        }
        return {};
    }
    if (keyword == "properties" || keyword == "patternProperties" || keyword == "dependentSchemas") {
        return take_named(work, keyword, value, path);
    }
    if (keyword == "dependencies" && work.place.resource->old_draft) {
        return take_dependencies(work, value, path);
    }
    return take_assertion(work, keyword, value, path);
}

Status Compiler::take_named(const Work& work, const std::string& keyword, const Json& value, const std::string& path) {
    if (!value.is_object()) {
        return bad(path, "must be an object of schemas");
    }
    for (const auto& [name, schema] : value.items()) {
        RESONANT_ASSIGN(const Slot each, node_at({&schema, work.place.resource}, join(path, name)));
        if (keyword == "properties") {
            work.node->properties[name] = each;
        } else if (keyword == "dependentSchemas") {
            work.node->dependent_schemas[name] = each;
        } else {
            auto pattern = compile_pattern(name);
            if (!pattern) {
                return bad(join(path, name), "cannot be used: " + pattern.error().message);
            }
            work.node->patterns.emplace_back(std::move(*pattern), each);
        }
    }
    return {};
}

Status Compiler::take_dependencies(const Work& work, const Json& value, const std::string& path) {
    if (!value.is_object()) {
        return bad(path, "must be an object");
    }
    for (const auto& [name, needs] : value.items()) {
        if (needs.is_array()) {
            RESONANT_CHECK(take_names(work.node->dependent_names[name], needs, join(path, name)));
        } else {
            RESONANT_ASSIGN(work.node->dependent_schemas[name], node_at({&needs, work.place.resource}, join(path, name)));
        }
    }
    return {};
}

Status Compiler::take_reference(const Work& work, bool dynamic, const Json& value, const std::string& path) {
    if (!value.is_string()) {
        return bad(path, "must be a string");
    }
    const auto& reference = value.get_ref<const std::string&>();
    const Result<SchemaPlace> place = registry_.find(*work.place.resource, reference);
    if (!place) {
        return bad(path, "cannot be followed: " + place.error().message);
    }
    RESONANT_ASSIGN(const Slot target, node_at(*place, path));
    (dynamic ? work.node->dynamic_reference : work.node->reference) = target;
    const std::string name = reference.substr(std::min(reference.find('#'), reference.size() - 1) + 1);
    if (dynamic && place->resource->dynamic_roots.contains(name)) {
        work.node->dynamic_name = name;
        dynamic_names_.insert(name);
    }
    return {};
}

Status Compiler::take_assertion(const Work& work, const std::string& keyword, const Json& value, const std::string& path) {
    SchemaNode& node = *work.node;
    if (!work.place.resource->validates ||
        std::find(kAnnotations.begin(), kAnnotations.end(), keyword) != kAnnotations.end()) {
        return {};
    }
    if (keyword == "type") {
        return take_types(node, value, path);
    }
    if (keyword == "const") {
        node.constant = value;
        return {};
    }
    if (keyword == "enum") {
        if (!value.is_array()) {
            return bad(path, "must be a list");
        }
        node.enumeration = value.get<std::vector<Json>>();
        return {};
    }
    if (keyword == "required") {
        return take_names(node.required, value, path);
    }
    if (keyword == "dependentRequired") {
        for (auto each = value.begin(); value.is_object() && each != value.end(); ++each) {
            RESONANT_CHECK(take_names(node.dependent_names[each.key()], *each, join(path, each.key())));
        }
        return value.is_object() ? Status() : bad(path, "must be an object");
    }
    if (keyword == "pattern") {
        auto pattern = value.is_string() ? compile_pattern(value.get<std::string>())
                                         : fail(Code::InvalidArgument, "it must be a string");
        if (!pattern) {
            return bad(path, fmt::format("{} cannot be used: {}", schema_shown(value), pattern.error().message));
        }
        node.pattern = std::move(*pattern);
        node.pattern_shown = value.get<std::string>();
        return {};
    }
    if (keyword == "uniqueItems") {
        node.unique = value.is_boolean() && value.get<bool>();
        return value.is_boolean() ? Status() : bad(path, "must be true or false");
    }
    if (const auto bound = bound_of(node, keyword); bound != nullptr) {
        if (!value.is_number() || (keyword == "multipleOf" && value.get<double>() <= 0)) {
            return bad(path, keyword == "multipleOf" ? "must be a number above 0" : "must be a number");
        }
        *bound = value;
        return {};
    }
    if (const auto count = count_of(node, keyword); count != nullptr) {
        if (schema_type_of(value) != kInteger || value.get<double>() < 0) {
            return bad(path, "must be a whole number, 0 or more");
        }
        *count = value.get<double>() < 9e15 ? value.get<std::size_t>() : SIZE_MAX - 1;
        return {};
    }
    return options_.refuse_unknown ? bad(path, "is no keyword of JSON Schema 2020-12") : Status();
}

Status Compiler::take_types(SchemaNode& node, const Json& value, const std::string& path) {
    for (const Json& name : value.is_array() ? value : Json::array({value})) {
        const unsigned bits = name.is_string() ? schema_type_named(name.get_ref<const std::string&>()) : 0;
        if (bits == 0) {
            return bad(path, fmt::format("{} is no type", schema_shown(name)));
        }
        node.types |= bits;
    }
    return node.types == 0 ? bad(path, "must name a type") : Status();
}

Status Compiler::take_names(std::vector<std::string>& names, const Json& value, const std::string& path) {
    if (!value.is_array()) {
        return bad(path, "must be a list");
    }
    for (const Json& name : value) {
        if (!name.is_string()) {
            return bad(path, fmt::format("{} is no name", schema_shown(name)));
        }
        names.push_back(name.get<std::string>());
    }
    return {};
}

std::optional<Json>* Compiler::bound_of(SchemaNode& node, std::string_view keyword) {
    return keyword == "minimum"            ? &node.minimum
           : keyword == "maximum"          ? &node.maximum
           : keyword == "exclusiveMinimum" ? &node.above
           : keyword == "exclusiveMaximum" ? &node.below
           : keyword == "multipleOf"       ? &node.multiple
                                           : nullptr;
}

std::size_t* Compiler::count_of(SchemaNode& node, std::string_view keyword) {
    return keyword == "minLength"       ? &node.length_min
           : keyword == "maxLength"     ? &node.length_max
           : keyword == "minItems"      ? &node.items_min
           : keyword == "maxItems"      ? &node.items_max
           : keyword == "minProperties" ? &node.members_min
           : keyword == "maxProperties" ? &node.members_max
           : keyword == "minContains"   ? &node.contains_min
           : keyword == "maxContains"   ? &node.contains_max
                                        : nullptr;
}

SchemaNode::Ptr* Compiler::child_of(SchemaNode& node, std::string_view keyword) {
    return keyword == "items"                   ? &node.items
           : keyword == "contains"              ? &node.contains
           : keyword == "unevaluatedItems"      ? &node.unevaluated_items
           : keyword == "additionalProperties"  ? &node.additional
           : keyword == "propertyNames"         ? &node.names
           : keyword == "unevaluatedProperties" ? &node.unevaluated_members
           : keyword == "not"                   ? &node.none_of
           : keyword == "if"                    ? &node.condition
           : keyword == "then"                  ? &node.consequence
           : keyword == "else"                  ? &node.otherwise
                                                : nullptr;
}

std::vector<SchemaNode::Ptr>* Compiler::children_of(SchemaNode& node, std::string_view keyword) {
    return keyword == "allOf"         ? &node.all_of
           : keyword == "anyOf"       ? &node.any_of
           : keyword == "oneOf"       ? &node.one_of
           : keyword == "prefixItems" ? &node.prefix
                                      : nullptr;
}

}  // namespace

Result<Schema> Schema::compile(const Json& schema, const SchemaOptions& options) {
    auto program = std::make_shared<Program>();
    RESONANT_CHECK(Compiler(*program, options).run(schema));
    return Schema(std::move(program));
}

}  // namespace resonant::json
