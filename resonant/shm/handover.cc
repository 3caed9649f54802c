#include "resonant/shm/handover.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace resonant::shm {
namespace {

struct Header {
    std::uint32_t bytes = 0;
    std::uint16_t descriptors = 0;
    std::uint16_t mark = kMark;
    static constexpr std::uint16_t kMark = 0x5752;
};
static_assert(sizeof(Header) == 8);

Status wait_for(int socket, short direction, std::string_view what) {
    pollfd one{socket, direction, 0};
    for (;;) {
        const int ready = ::poll(&one, 1, static_cast<int>(kHandoverWait.count / 1'000'000));
        if (ready > 0) {
            return {};
        }
        if (ready == 0) {
            return fail(Code::Timeout, fmt::format("{}: the other end did nothing for {} s", what,
                                                   kHandoverWait.count / 1'000'000'000));
        }
        if (errno != EINTR) {
            return fail_errno(what, errno);
        }
    }
}

// Sends what is left of `bytes`; the descriptors, if any, ride on the first byte.
Status send_all(int socket, std::string_view bytes, std::span<const int> fds) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kHandoverDescriptorsMax)> control{};
    while (!bytes.empty()) {
        RESONANT_CHECK(wait_for(socket, POLLOUT, "send descriptors"));
        iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
        msghdr message{};
        message.msg_iov = &piece;
        message.msg_iovlen = 1;
        if (!fds.empty()) {
            message.msg_control = control.data();
            message.msg_controllen = CMSG_SPACE(fds.size_bytes());
            cmsghdr* head = CMSG_FIRSTHDR(&message);
            head->cmsg_level = SOL_SOCKET;
            head->cmsg_type = SCM_RIGHTS;
            head->cmsg_len = CMSG_LEN(fds.size_bytes());
            std::memcpy(CMSG_DATA(head), fds.data(), fds.size_bytes());
        }
        const ssize_t sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(sent));
            fds = {};
        } else if (errno == EPIPE || errno == ECONNRESET) {
            return fail(Code::Unavailable, "send descriptors: the other end has closed the socket");
        } else if (errno != EAGAIN && errno != EINTR) {
            return fail_errno("send descriptors", errno);
        }
    }
    return {};
}

// Takes over every descriptor that came, so that none is lost whatever else is wrong.
void collect(msghdr& message, std::vector<Descriptor>& descriptors) {
    for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr;
         head = CMSG_NXTHDR(&message, head)) {
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

// Fills `target`. `begun` says whether a message has begun, so that an end is an end in the middle.
Status receive_all(int socket, std::span<char> target, bool begun,
                   std::vector<Descriptor>& descriptors) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kHandoverDescriptorsMax)> control{};
    while (!target.empty()) {
        RESONANT_CHECK(wait_for(socket, POLLIN, "receive descriptors"));
        iovec piece{target.data(), target.size()};
        msghdr message{};
        message.msg_iov = &piece;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        const ssize_t got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        if (got > 0) {
            collect(message, descriptors);
            if ((message.msg_flags & MSG_CTRUNC) != 0) {
                return fail(
                    Code::DataLoss,
                    fmt::format("receive descriptors: some were cut off; at most {} are taken, "
                                "and this process must be able to open as many",
                                kHandoverDescriptorsMax));
            }
            target = target.subspan(static_cast<std::size_t>(got));
            begun = true;
        } else if (got == 0 || errno == ECONNRESET) {
            return begun ? fail(Code::DataLoss,
                                "receive descriptors: closed in the middle of a message")
                         : fail(Code::Unavailable, "receive descriptors: the other end has closed");
        } else if (errno != EAGAIN && errno != EINTR) {
            return fail_errno("receive descriptors", errno);
        }
    }
    return {};
}

}  // namespace

Status send_descriptors(int socket, std::span<const int> fds, std::string_view bytes) {
    if (fds.size() > kHandoverDescriptorsMax || bytes.size() > kHandoverBytesMax) {
        return fail(
            Code::InvalidArgument,
            fmt::format("send descriptors: {} descriptors and {} bytes, a message holds {} and "
                        "{}; send several",
                        fds.size(), bytes.size(), kHandoverDescriptorsMax, kHandoverBytesMax));
    }
    Header header;
    header.bytes = static_cast<std::uint32_t>(bytes.size());
    header.descriptors = static_cast<std::uint16_t>(fds.size());
    const std::string_view head(reinterpret_cast<const char*>(&header), sizeof header);
    RESONANT_CHECK(send_all(socket, head, fds));
    return send_all(socket, bytes, {});
}

Result<Received> receive_descriptors(int socket) {
    Received received;
    Header header;
    const std::span<char> head(reinterpret_cast<char*>(&header), sizeof header);
    RESONANT_CHECK(receive_all(socket, head, false, received.descriptors));
    if (header.mark != Header::kMark || header.bytes > kHandoverBytesMax ||
        header.descriptors != received.descriptors.size()) {
        return fail(Code::DataLoss,
                    fmt::format("receive descriptors: no message of ours (mark {:#x}, {} bytes, {} "
                                "descriptors announced, {} came)",
                                header.mark, header.bytes, header.descriptors,
                                received.descriptors.size()));
    }
    received.bytes.resize(header.bytes);
    const std::size_t announced = received.descriptors.size();
    RESONANT_CHECK(receive_all(socket, received.bytes, true, received.descriptors));
    if (received.descriptors.size() != announced) {
        return fail(Code::DataLoss, "receive descriptors: more came in the middle of a message");
    }
    return received;
}

}  // namespace resonant::shm
