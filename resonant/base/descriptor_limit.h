// How many descriptors this process may have open (RLIMIT_NOFILE). The usual soft limit of 1,024 is there for
// programs that use select(); a kernel with thousands of clients raises it to the hard limit, and gives
// the programs it starts the old one back.
//
// Any thread; raise_descriptor_limit() once, before others start.
#pragma once

#include <sys/resource.h>

#include <cstddef>

#include "resonant/base/result.h"

namespace resonant {

struct DescriptorLimit {
    std::size_t original = 0;  // the soft limit this process was started with
    std::size_t soft = 0;      // the soft limit now
    std::size_t hard = 0;
};

DescriptorLimit descriptor_limit();
// Raises the soft limit to the hard one, to kDescriptorsUseful at most.
Status raise_descriptor_limit();
// What a child sets between fork and exec: `setrlimit(RLIMIT_NOFILE, &limit)`. Ask before fork().
rlimit descriptor_limit_of_children();

inline constexpr std::size_t kDescriptorsUseful = std::size_t{1} << 20;  // the loop's tables grow with the highest

}  // namespace resonant
