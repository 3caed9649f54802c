// How the descriptors that a process may have open are divided between clients on standard streams and
// HTTP connections. Each door has what is configured as long as that is at most three quarters of what there
// is, so that neither takes all; together they may want more, and who comes last is refused in words.
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
    const std::size_t most = room / 4 * 3;
    return {std::clamp<std::size_t>(most / kDescriptorsOfAClient, 1, wanted.clients), std::clamp<std::size_t>(most, 1, wanted.http)};
}

}  // namespace resonant::net
