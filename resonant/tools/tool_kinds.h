// Kinds of tools that many servers have (a search of the web, writing a file, commenting on a ticket), each told in
// the words of somebody who wants it and does not know what such a tool is called: "leave a remark" for add_comment.
// They are for a search only, as uses.h is for our own tools, and stand in no listing.
//
// Any thread; plain values.
#pragma once

#include <string>
#include <vector>

#include "resonant/tools/tool_document.h"

namespace resonant::tools {

// What a tool of its kind is wanted for; of several where it fits several kinds, none where it fits none.
// Some ten microseconds.
std::vector<std::string> uses_of_kinds(const ToolDocument& tool);

}  // namespace resonant::tools
