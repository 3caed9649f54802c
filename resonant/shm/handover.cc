#include "resonant/shm/handover.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

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
    RightsRoom room;
    while (!bytes.empty()) {
        RESONANT_CHECK(wait_for(socket, POLLOUT, "send descriptors"));
        iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
        msghdr message{};
        message.msg_iov = &piece;
        message.msg_iovlen = 1;
        put_rights(message, room, fds);
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

// Fills `target`. `begun` says whether a message has begun, so that an end is an end in the middle.
Status receive_all(int socket, std::span<char> target, bool begun,
                   std::vector<Descriptor>& descriptors) {
    RightsRoom room;
    while (!target.empty()) {
        RESONANT_CHECK(wait_for(socket, POLLIN, "receive descriptors"));
        iovec piece{target.data(), target.size()};
        msghdr message{};
        message.msg_iov = &piece;
        message.msg_iovlen = 1;
        expect_rights(message, room);
        const ssize_t got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        if (got > 0) {
            take_rights(message, descriptors);
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
