// Changing a text of JSON by its parts: a member is put in, given another value, or taken out, and nothing
// else changes by a byte. New lines are indented and ended as their neighbours are.
//
// Pure functions; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/json/source_tree.h"

namespace resonant::json {

// What is written: its members keep the order they were given.
using Ordered = nlohmann::ordered_json;

// Names from the outermost object inwards.
using SourcePath = std::vector<std::string>;

// Puts `value` at `path`; objects on the way that are missing (or null) are made. An existing value is replaced
// where it stands, an equal one stays, a new member comes last. A text of nothing but white space and comments
// becomes an object first. InvalidArgument when the text cannot be read, or when something on the way is not an
// object.
Result<std::string> put_member(std::string_view text, const SourcePath& path, const Ordered& value);

// Takes the member out, with its comma, and its line when nothing else stands there. Comments outside its value
// stay. All members of this name go. A path that leads nowhere changes nothing.
Result<std::string> take_member(std::string_view text, const SourcePath& path);

}  // namespace resonant::json
