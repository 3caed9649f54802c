// A Peer is who stands at the other end of a Unix socket, as the system tells it, not as he does.
//
// A plain value.
#pragma once

#include <sys/types.h>

#include "resonant/base/result.h"

namespace resonant::net {

struct Peer {
    uid_t uid = 0;
    gid_t gid = 0;
    pid_t pid = 0;
};

// Reads SO_PEERCRED of a connected Unix socket.
Result<Peer> peer_of(int socket);

}  // namespace resonant::net
