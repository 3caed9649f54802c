#include "resonant/base/rights.h"

#include <array>
#include <cstring>

#include "resonant/base/ensure.h"

namespace resonant {

void put_rights(msghdr& message, RightsRoom& room, std::span<const int> fds) {
    RESONANT_ENSURE(fds.size() <= kRightsMax, "more descriptors than a message holds");
    if (fds.empty()) {
        return;
    }
    message.msg_control = room.bytes;
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(head), fds.data(), fds.size_bytes());
}

void expect_rights(msghdr& message, RightsRoom& room) {
    message.msg_control = room.bytes;
    message.msg_controllen = sizeof room.bytes;
}

void take_rights(msghdr& message, std::vector<Descriptor>& descriptors) {
    for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr; head = CMSG_NXTHDR(&message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const std::size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof fd);
            descriptors.emplace_back(fd);
        }
    }
}

Received receive_with_rights(int socket, std::string& text, std::vector<Descriptor>& descriptors, int flags) {
    std::array<char, 64 * 1024> bytes;
    RightsRoom room;
    iovec vector{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    expect_rights(message, room);
    const ssize_t count = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    if (count <= 0) {
        return {count, false};
    }
    text.append(bytes.data(), static_cast<std::size_t>(count));
    take_rights(message, descriptors);
    return {count, (message.msg_flags & MSG_CTRUNC) != 0};
}

}  // namespace resonant
