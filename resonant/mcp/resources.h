// Resources are what a client may read by its URI. Each of ours is an answer of one tool, so that reading
// one passes the same door, stages and ledger as calling it.
//
// Constant after start; the loop's thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/json/json.h"

namespace resonant::mcp {

struct Resource {
    std::string uri;    // "board://state"; with one "{name}" in it: a template
    std::string name;
    std::string title;
    std::string description;
    std::string mime = "application/json";
    std::string tool;   // whose answer it is
    Json arguments = Json::object();  // "{}" stands for the variable
    // The one member of `contents` without a tool; may be empty.
    std::function<Json(const std::string& uri, const std::string& variable)> content = {};

    bool is_template() const { return uri.find('{') != std::string::npos; }
};

std::vector<Resource> own_resources();
// The entry of resources/list, or of resources/templates/list.
Json describe(const Resource& resource);
// The variable's value when `uri` is this resource (empty for a plain one).
std::optional<std::string> match(const Resource& resource, std::string_view uri);
// The arguments with the variable put in.
Json arguments_for(const Resource& resource, const std::string& variable);

}  // namespace resonant::mcp
