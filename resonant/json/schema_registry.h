// A SchemaRegistry knows the documents of one compilation: which identifiers and anchors they hold, and where a reference
// leads. Nothing is fetched.
//
// Belongs to one compilation, one thread; the documents outlive it.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <unordered_map>

#include "resonant/json/schema_node.h"

namespace resonant::json {

// A schema and what its identifiers are relative to.
struct SchemaPlace {
    const Json* schema = nullptr;
    SchemaResource* resource = nullptr;
};

class SchemaRegistry {
  public:
    SchemaRegistry(std::deque<SchemaResource>& resources, const std::map<std::string, Json>* documents)
        : resources_(resources), documents_(documents) {}

    // Enters a document under a URI (and under its $id), with all identifiers inside. O(size).
    Status enter(const Json& document, const std::string& uri);
    // Where `reference` of a schema of `from` leads; InvalidArgument when nowhere.
    Result<SchemaPlace> find(const SchemaResource& from, std::string_view reference);
    // The resource that a schema lies in.
    SchemaResource* resource_of(const Json& schema, SchemaResource* otherwise) const;

  private:
    Status visit(SchemaPlace start);
    Status identify(SchemaPlace& place);
    void read_dialect(SchemaResource& resource);
    Result<SchemaResource*> resource_at(const std::string& uri);
    Result<SchemaPlace> follow_pointer(SchemaPlace from, std::string_view pointer);

    std::deque<SchemaResource>& resources_;
    const std::map<std::string, Json>* documents_;
    std::map<std::string, SchemaResource*> by_uri_;
    std::unordered_map<const Json*, SchemaResource*> places_;
};

// The metaschema of 2020-12, told in our own words: what it accepts is the same.
const Json& metaschema();
inline constexpr std::string_view kMetaschemaUri = "https://json-schema.org/draft/2020-12/schema";

}  // namespace resonant::json
