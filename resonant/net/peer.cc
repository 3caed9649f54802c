#include "resonant/net/peer.h"

#include <sys/socket.h>

#include <cerrno>

namespace resonant::net {

Result<Peer> peer_of(int socket) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
        return fail_errno("socket: who is the peer (SO_PEERCRED)", errno);
    }
    return Peer{credentials.uid, credentials.gid, credentials.pid};
}

}  // namespace resonant::net
