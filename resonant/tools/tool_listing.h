// A tool listing is any text that lists tools, read into ToolDocuments: what tools/list answers (also
// wrapped in its JSON-RPC result), an array or one tool a line, OpenAI functions, Anthropic and Gemini
// tools, lists of parameters in place of a schema, servers with tools inside, a map from names to tools
// or to descriptions.
//
// Any thread; plain values. Nothing in a listing is trusted.
//
// Invariants:
//   (1) Documents come in the order of the text (members of a map: by name), one for each tool, of equal
//       names as well.
//   (2) At most kListedMax tools; what is no tool is left out, but a text without any tool is an error.
#pragma once

#include <string_view>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/tools/tool_document.h"

namespace resonant::tools {

inline constexpr std::size_t kListedMax = 100'000;

// InvalidArgument when the text is no JSON, ResourceExhausted when it lists too many.
Result<std::vector<ToolDocument>> documents_of(std::string_view text);

}  // namespace resonant::tools
