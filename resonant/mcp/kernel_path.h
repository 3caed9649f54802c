// Kernels behind each other: which kernel a server is, and through which kernels an entry of its lists came. Each
// kernel has an id of its own, says it in the handshake, marks the first entry of each of its lists with it, and puts
// it before the path of what it passes on. So a kernel knows what is its own, however many others lie in between,
// even where one of them is a gateway that knows nothing of this.
//
// Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "resonant/json/json.h"

namespace resonant::mcp {

// In `_meta` of what a kernel says of itself: its id.
inline constexpr const char* kMetaKernel = "resonant/kernel";
// In `_meta` of an entry: ids, the nearest first.
inline constexpr const char* kMetaKernels = "resonant/kernels";
inline constexpr std::size_t kKernelsMax = 8;  // in a row; what came further is not passed on

using KernelPath = std::vector<std::string>;

// The kernels that an entry came through, at most kKernelsMax + 1 of them; empty for what names none.
KernelPath path_of(const Json& entry);
// Puts `kernel` before them, unless it is the first already; an empty one changes nothing.
void came_through(Json& entry, std::string_view kernel);

}  // namespace resonant::mcp
