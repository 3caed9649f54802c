// A handover sends open descriptors and a few bytes over a connected Unix stream socket: how a
// reader in another process comes by a sealed segment, and how `resonant mcp` gives its standard
// streams away.
//
// Threads and processes: one thread at a time on each end of a socket.
//
// Invariants:
//   (1) A message is 8 bytes of length and count, then the bytes; the descriptors ride on its first
//       byte.
//   (2) Whatever is received is owned, close-on-exec, and closed again on any error.
//   (3) Works on blocking and non-blocking sockets and changes no flag of them: O_NONBLOCK lies in
//       the open file, which others may share.
//
// After unix(7), SCM_RIGHTS.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/descriptor.h"
#include "resonant/base/result.h"
#include "resonant/base/rights.h"
#include "resonant/base/units.h"

namespace resonant::shm {

inline constexpr std::size_t kHandoverDescriptorsMax = kRightsMax;
inline constexpr std::size_t kHandoverBytesMax = 256 * 1024;
inline constexpr Nanos kHandoverWait =
    from_seconds(5);  // for the other end to read or to go on writing

struct Received {
    std::vector<Descriptor> descriptors;
    std::string bytes;
};

// Sends one message. InvalidArgument beyond the limits above; Unavailable when the other end is
// gone; Timeout when it does not read for kHandoverWait. Raises no SIGPIPE.
Status send_descriptors(int socket, std::span<const int> fds, std::string_view bytes);

// Receives one message. Unavailable when the other end closed before one began; DataLoss when it
// closed in the middle or what came is no such message; Timeout after kHandoverWait without a byte.
Result<Received> receive_descriptors(int socket);

}  // namespace resonant::shm
