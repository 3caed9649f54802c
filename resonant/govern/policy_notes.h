// What a policy that loads may still get wrong: a pattern that fits no tool, so that its rule or limit holds for nothing.
// A note and no error: a server behind this one may bring the tool later, and its names (SERVER__TOOL) are not judged.
//
// Any thread; reads the folder.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"

namespace resonant::govern {

// One sentence a pattern, with file and line where it is a rule's. `tools` are the dotted names of all tools.
// Errors as those of read_policy. O(patterns x tools).
Result<std::vector<std::string>> policy_notes(const std::filesystem::path& folder, const std::vector<std::string>& tools);

// The same of one pattern; empty when it fits a tool or may fit one of a server.
std::string note_on_pattern(std::string_view pattern, const std::vector<std::string>& tools);

}  // namespace resonant::govern
