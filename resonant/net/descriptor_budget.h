// How the descriptors that a process may have open are divided between clients on standard streams and
// HTTP connections. What is configured is given as long as the limit has room for it; below that
// both shrink alike, so that no door takes what the other needs.
#pragma once

#include <algorithm>
#include <cstddef>

namespace resonant::net {

inline constexpr std::size_t kDescriptorsKept = 256;       // for files, programs, other servers, the operator
inline constexpr std::size_t kDescriptorsOfAClient = 3;    // its link, standard input and output

struct Connections {
    std::size_t clients = 4'096;  // on standard streams
    std::size_t http = 10'000;
};

// What of `wanted` a process with `limit` descriptors can serve; at least one of each.
constexpr Connections within(std::size_t limit, Connections wanted) {
    const std::size_t room = limit > 2 * kDescriptorsKept ? limit - kDescriptorsKept : limit / 2;
    const std::size_t needed = wanted.clients * kDescriptorsOfAClient + wanted.http;
    if (needed <= room) {
        return wanted;
    }
    const double share = static_cast<double>(room) / static_cast<double>(needed);
    const auto part = [share](std::size_t of) {
        return std::max<std::size_t>(1, static_cast<std::size_t>(static_cast<double>(of) * share));
    };
    return {part(wanted.clients), part(wanted.http)};
}

}  // namespace resonant::net
