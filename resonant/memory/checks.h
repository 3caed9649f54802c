// What a memory may hold: sizes, UTF-8, ranges. The Store checks before it writes.
//
// Any thread.
#pragma once

#include <string>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/memory/memory.h"

namespace resonant::memory {

// InvalidArgument names the part, its size and the limit.
Status check(const Memory& memory);
Status check_tags(const std::vector<std::string>& tags);
// Sorted, and none twice.
std::vector<std::string> each_once(const std::vector<std::string>& tags);

}  // namespace resonant::memory
