#include "resonant/json/schema_registry.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "resonant/json/uri.h"

namespace resonant::json {

namespace {

// Where schemas lie inside a schema: one, a list of them, an object of them.
constexpr std::array<std::string_view, 12> kOne{
    "items", "contains", "additionalProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties", "not",
    "if", "then", "else", "additionalItems", "contentSchema"};
constexpr std::array<std::string_view, 5> kList{"allOf", "anyOf", "oneOf", "prefixItems", "items"};
constexpr std::array<std::string_view, 6> kNamed{"properties", "patternProperties", "dependentSchemas", "$defs",
                                                 "definitions", "dependencies"};

bool among(const auto& list, std::string_view name) { return std::find(list.begin(), list.end(), name) != list.end(); }

const std::string* text_at(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get_ptr<const std::string*>() : nullptr;
}

std::unexpected<Error> lost(std::string_view reference, std::string_view why) {
    return fail(Code::InvalidArgument, fmt::format("\"{}\" {}", reference.substr(0, 200), why));
}

std::string unescaped(std::string_view token) {
    std::string out;
    for (std::size_t i = 0; i < token.size(); ++i) {
        const bool escape = token[i] == '~' && i + 1 < token.size() && (token[i + 1] == '0' || token[i + 1] == '1');
        out += escape ? (token[++i] == '0' ? '~' : '/') : token[i];
    }
    return out;
}

const Json* member(const Json& value, const std::string& token) {
    if (value.is_object()) {
        const auto found = value.find(token);
        return found == value.end() ? nullptr : &*found;
    }
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
    const bool whole = error == std::errc{} && end == token.data() + token.size();
    return value.is_array() && whole && index < value.size() ? &value[index] : nullptr;
}

}  // namespace

Status SchemaRegistry::enter(const Json& document, const std::string& uri) {
    SchemaResource& resource = resources_.emplace_back();
    resource.uri = uri;
    resource.root = &document;
    by_uri_.emplace(uri, &resource);
    read_dialect(resource);
    return visit({&document, &resource});
}

// $schema may name an older draft, or a metaschema of the caller's that leaves the validation vocabulary out.
void SchemaRegistry::read_dialect(SchemaResource& resource) {
    const std::string* dialect = resource.root->is_object() ? text_at(*resource.root, "$schema") : nullptr;
    if (dialect == nullptr) {
        return;
    }
    resource.old_draft = dialect->find("json-schema.org/draft-0") != std::string::npos;
    if (documents_ == nullptr || !documents_->contains(*dialect)) {
        return;
    }
    const Json& metaschema = documents_->at(*dialect);
    const auto vocabulary = metaschema.is_object() ? metaschema.find("$vocabulary") : metaschema.end();
    if (vocabulary != metaschema.end()) {
        resource.validates = vocabulary->contains("https://json-schema.org/draft/2020-12/vocab/validation");
    }
}

Status SchemaRegistry::visit(SchemaPlace start) {
    std::vector<SchemaPlace> waiting{start};
    while (!waiting.empty()) {
        SchemaPlace place = waiting.back();
        waiting.pop_back();
        if (places_.size() >= kSchemaNodesMax) {
            return fail(Code::InvalidArgument, fmt::format("it holds more than {} schemas", kSchemaNodesMax));
        }
        if (!place.schema->is_object() || places_.contains(place.schema)) {
            continue;
        }
        RESONANT_CHECK(identify(place));
        places_.emplace(place.schema, place.resource);
        for (const auto& [keyword, value] : place.schema->items()) {
            if (value.is_object() && among(kOne, keyword)) {
                waiting.push_back({&value, place.resource});
            }
            const bool holds_more = (value.is_array() && among(kList, keyword)) || (value.is_object() && among(kNamed, keyword));
            for (auto inner = value.begin(); holds_more && inner != value.end(); ++inner) {
                waiting.push_back({&*inner, place.resource});
            }
        }
    }
    return {};
}

// Reads $id, $anchor and $dynamicAnchor of one schema; an $id begins a resource of its own.
Status SchemaRegistry::identify(SchemaPlace& place) {
    const Json& schema = *place.schema;
    if (const std::string* id = text_at(schema, "$id"); id != nullptr) {
        const std::string uri = split_fragment(resolve_uri(place.resource->uri, *id)).first;
        if (place.schema == place.resource->root) {
            place.resource->uri = uri;
        } else if (!id->starts_with('#')) {
            SchemaResource& inner = resources_.emplace_back();
            inner.validates = place.resource->validates;
            inner.old_draft = place.resource->old_draft;
            inner.uri = uri;
            inner.root = &schema;
            place.resource = &inner;
        }
        const auto [known, added] = by_uri_.emplace(uri, place.resource);
        if (!added && known->second->root != &schema) {
            return lost(*id, "is the $id of two schemas");
        }
    }
    for (const char* keyword : {"$anchor", "$dynamicAnchor"}) {
        if (const std::string* name = text_at(schema, keyword); name != nullptr) {
            place.resource->anchors.emplace(*name, &schema);
            if (keyword[1] == 'd') {
                place.resource->dynamic_roots.emplace(*name, &schema);
            }
        }
    }
    return {};
}

SchemaResource* SchemaRegistry::resource_of(const Json& schema, SchemaResource* otherwise) const {
    const auto found = places_.find(&schema);
    return found == places_.end() ? otherwise : found->second;
}

Result<SchemaResource*> SchemaRegistry::resource_at(const std::string& uri) {
    if (const auto known = by_uri_.find(uri); known != by_uri_.end()) {
        return known->second;
    }
    if (documents_ != nullptr && documents_->contains(uri)) {
        RESONANT_CHECK(enter(documents_->at(uri), uri));
        return by_uri_.at(uri);
    }
    if (uri == kMetaschemaUri) {
        RESONANT_CHECK(enter(metaschema(), uri));
        return by_uri_.at(uri);
    }
    return lost(uri, "is another document; references are followed inside the schema only and nothing is fetched, "
                     "so put it under $defs");
}

Result<SchemaPlace> SchemaRegistry::find(const SchemaResource& from, std::string_view reference) {
    const auto [uri, fragment] = split_fragment(resolve_uri(from.uri, reference));
    RESONANT_ASSIGN(SchemaResource* resource, resource_at(uri));
    if (fragment.empty()) {
        return SchemaPlace{resource->root, resource};
    }
    if (fragment.starts_with('/')) {
        return follow_pointer({resource->root, resource}, fragment);
    }
    const auto anchor = resource->anchors.find(fragment);
    if (anchor == resource->anchors.end()) {
        return lost(reference, "leads to no $anchor of that name");
    }
    return SchemaPlace{anchor->second, resource};
}

Result<SchemaPlace> SchemaRegistry::follow_pointer(SchemaPlace place, std::string_view pointer) {
    for (std::size_t at = 1; at <= pointer.size();) {
        const std::size_t end = std::min(pointer.find('/', at), pointer.size());
        const Json* next = member(*place.schema, unescaped(pointer.substr(at, end - at)));
        if (next == nullptr) {
            return lost(pointer, "leads nowhere in the schema");
        }
        place = {next, resource_of(*next, place.resource)};
        at = end + 1;
    }
    // Under a keyword that the draft does not know, identifiers have not been read yet.
    RESONANT_CHECK(visit(place));
    place.resource = resource_of(*place.schema, place.resource);
    return place;
}

const Json& metaschema() {
    static const Json kDocument = *parse(R"({
"$id": "https://json-schema.org/draft/2020-12/schema", "$dynamicAnchor": "meta", "type": ["object", "boolean"],
"$defs": {
  "one": {"$dynamicRef": "#meta"},
  "list": {"type": "array", "minItems": 1, "items": {"$dynamicRef": "#meta"}},
  "named": {"type": "object", "additionalProperties": {"$dynamicRef": "#meta"}},
  "count": {"type": "integer", "minimum": 0},
  "names": {"type": "array", "items": {"type": "string"}, "uniqueItems": true},
  "text": {"type": "string"}, "flag": {"type": "boolean"}, "number": {"type": "number"},
  "anchor": {"type": "string", "pattern": "^[A-Za-z_][-A-Za-z0-9._]*$"},
  "kinds": {"enum": ["array", "boolean", "integer", "null", "number", "object", "string"]}},
"properties": {
  "$id": {"type": "string", "pattern": "^[^#]*#?$"}, "$schema": {"$ref": "#/$defs/text"}, "$ref": {"$ref": "#/$defs/text"},
  "$anchor": {"$ref": "#/$defs/anchor"}, "$dynamicRef": {"$ref": "#/$defs/text"}, "$dynamicAnchor": {"$ref": "#/$defs/anchor"},
  "$vocabulary": {"type": "object", "additionalProperties": {"type": "boolean"}}, "$comment": {"$ref": "#/$defs/text"},
  "$defs": {"$ref": "#/$defs/named"}, "definitions": {"$ref": "#/$defs/named"},
  "dependencies": {"type": "object", "additionalProperties": {"anyOf": [{"$dynamicRef": "#meta"}, {"$ref": "#/$defs/names"}]}},
  "prefixItems": {"$ref": "#/$defs/list"}, "items": {"$ref": "#/$defs/one"}, "contains": {"$ref": "#/$defs/one"},
  "additionalProperties": {"$ref": "#/$defs/one"}, "properties": {"$ref": "#/$defs/named"},
  "patternProperties": {"$ref": "#/$defs/named"}, "dependentSchemas": {"$ref": "#/$defs/named"},
  "propertyNames": {"$ref": "#/$defs/one"}, "if": {"$ref": "#/$defs/one"}, "then": {"$ref": "#/$defs/one"},
  "else": {"$ref": "#/$defs/one"}, "not": {"$ref": "#/$defs/one"}, "allOf": {"$ref": "#/$defs/list"},
  "anyOf": {"$ref": "#/$defs/list"}, "oneOf": {"$ref": "#/$defs/list"}, "unevaluatedItems": {"$ref": "#/$defs/one"},
  "unevaluatedProperties": {"$ref": "#/$defs/one"},
  "type": {"anyOf": [{"$ref": "#/$defs/kinds"},
                     {"type": "array", "items": {"$ref": "#/$defs/kinds"}, "minItems": 1, "uniqueItems": true}]},
  "enum": {"type": "array"}, "multipleOf": {"type": "number", "exclusiveMinimum": 0},
  "maximum": {"$ref": "#/$defs/number"}, "exclusiveMaximum": {"$ref": "#/$defs/number"},
  "minimum": {"$ref": "#/$defs/number"}, "exclusiveMinimum": {"$ref": "#/$defs/number"},
  "maxLength": {"$ref": "#/$defs/count"}, "minLength": {"$ref": "#/$defs/count"}, "pattern": {"$ref": "#/$defs/text"},
  "maxItems": {"$ref": "#/$defs/count"}, "minItems": {"$ref": "#/$defs/count"}, "uniqueItems": {"$ref": "#/$defs/flag"},
  "maxContains": {"$ref": "#/$defs/count"}, "minContains": {"$ref": "#/$defs/count"},
  "maxProperties": {"$ref": "#/$defs/count"}, "minProperties": {"$ref": "#/$defs/count"},
  "required": {"$ref": "#/$defs/names"}, "dependentRequired": {"type": "object", "additionalProperties": {"$ref": "#/$defs/names"}},
  "title": {"$ref": "#/$defs/text"}, "description": {"$ref": "#/$defs/text"}, "deprecated": {"$ref": "#/$defs/flag"},
  "readOnly": {"$ref": "#/$defs/flag"}, "writeOnly": {"$ref": "#/$defs/flag"}, "examples": {"type": "array"},
  "format": {"$ref": "#/$defs/text"}, "contentEncoding": {"$ref": "#/$defs/text"},
  "contentMediaType": {"$ref": "#/$defs/text"}, "contentSchema": {"$ref": "#/$defs/one"}}
})");
    return kDocument;
}

}  // namespace resonant::json
