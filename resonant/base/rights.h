// Rights are the descriptors that ride on a message of a Unix socket. After unix(7), SCM_RIGHTS.
//
// Threads: any.
#pragma once

#include <sys/socket.h>

#include <span>
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

}  // namespace resonant
