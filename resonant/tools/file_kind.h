// What a file of memories is, told by how it begins and what it is called: the format that memory.import reads it as.
//
// Any thread; no state.
#pragma once

#include <string>
#include <string_view>

#include "resonant/base/result.h"

namespace resonant::tools {

inline constexpr std::size_t kKindBytes = 64 * 1024;  // of the beginning that are looked at

// `head`: the first kKindBytes of the file; `name`: of the file, only its ending counts and only where the bytes leave it
// open. "store" for a SQLite file: its tables say more. InvalidArgument, with what it looks like and the way out.
Result<std::string> file_kind(std::string_view head, std::string_view name);

}  // namespace resonant::tools
