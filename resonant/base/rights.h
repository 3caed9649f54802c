// Rights are the descriptors that ride on a message of a Unix socket. After unix(7), SCM_RIGHTS.
//
// Threads: any.
#pragma once

#include <sys/socket.h>

#include <span>
#include <string>
#include <vector>

#include "resonant/base/descriptor.h"

namespace resonant {

inline constexpr std::size_t kRightsMax = 16;  // descriptors of one message

// Room for them beside a msghdr.
struct RightsRoom {
    alignas(cmsghdr) char bytes[CMSG_SPACE(sizeof(int) * kRightsMax)]{};
};

// Lets `fds`, at most kRightsMax, ride on `message`; `room` must live until it is sent. None: nothing.
void put_rights(msghdr& message, RightsRoom& room, std::span<const int> fds);

// Makes `room` the place for what comes with recvmsg(), which must be asked for MSG_CMSG_CLOEXEC.
void expect_rights(msghdr& message, RightsRoom& room);

// Takes over every descriptor that came, so that none is lost whatever else is wrong with the message.
void take_rights(msghdr& message, std::vector<Descriptor>& descriptors);

struct Received {
    ssize_t bytes = 0;         // as recvmsg() says: 0 at the end, negative with errno
    bool rights_lost = false;  // descriptors came for which this process has no room
};

// Appends up to 64 KiB of what has come to `text`, and the descriptors that came along.
Received receive_with_rights(int socket, std::string& text, std::vector<Descriptor>& descriptors, int flags);

}  // namespace resonant
