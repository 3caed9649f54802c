#include "resonant/ipc/packet.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "resonant/base/rights.h"

namespace resonant::ipc {
namespace {

constexpr int kBacklog = 64;

struct Address {
    Descriptor folder;  // keeps the name below valid
    sockaddr_un name{};
};

// The socket's name through its open folder, so that a path of any length fits.
Result<Address> address_of(const std::filesystem::path& path) {
    Address address;
    address.folder.reset(::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!address.folder) {
        return fail_errno(fmt::format("channel: open {}", path.parent_path().string()), errno);
    }
    const std::string name =
        fmt::format("/proc/self/fd/{}/{}", address.folder.get(), path.filename().string());
    address.name.sun_family = AF_UNIX;
    if (name.size() >= sizeof address.name.sun_path) {
        return fail(Code::InvalidArgument, fmt::format("channel: the name {} is too long", path.filename().string()));
    }
    std::memcpy(address.name.sun_path, name.c_str(), name.size() + 1);
    return address;
}

const sockaddr* plain(const sockaddr_un& name) { return reinterpret_cast<const sockaddr*>(&name); }

}  // namespace

Result<Descriptor> listen_for_packets(const std::filesystem::path& path) {
    RESONANT_ASSIGN(const Address address, address_of(path));
    Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket || ::bind(socket.get(), plain(address.name), sizeof address.name) != 0 ||
        ::chmod(path.c_str(), 0600) != 0 || ::listen(socket.get(), kBacklog) != 0) {
        return fail_errno(fmt::format("channel: listen on {}", path.string()), errno);
    }
    return socket;
}

Result<Descriptor> connect_for_packets(const std::filesystem::path& path) {
    RESONANT_ASSIGN(const Address address, address_of(path));
    Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!socket) {
        return fail_errno("channel: socket", errno);
    }
    if (::connect(socket.get(), plain(address.name), sizeof address.name) != 0) {
        return fail(Code::NotFound, fmt::format("channel: nobody listens on {} ({}); ask the kernel for its channel again",
                                                path.string(), std::strerror(errno)));
    }
    return socket;
}

Status send_packet(int socket, std::string_view bytes, std::span<const int> descriptors) {
    if (bytes.size() > kPacketBytesMax || descriptors.size() > kRightsMax) {
        return fail(Code::ResourceExhausted,
                    fmt::format("channel: a packet of {} bytes and {} descriptors, at most {} and {} are possible",
                                bytes.size(), descriptors.size(), kPacketBytesMax, kRightsMax));
    }
    RightsRoom room;
    iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    put_rights(message, room, descriptors);
    ssize_t sent = -1;
    do {
        sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        return fail(Code::Unavailable, fmt::format("channel: the other end does not take it: {}", std::strerror(errno)));
    }
    return {};
}

Result<std::optional<Packet>> receive_packet(int socket) {
    RightsRoom room;
    Packet packet;
    packet.bytes.resize(kPacketBytesMax);
    iovec piece{packet.bytes.data(), packet.bytes.size()};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    expect_rights(message, room);
    ssize_t got = -1;
    do {
        got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return std::optional<Packet>{};
    }
    if (got <= 0) {
        return fail(Code::Unavailable, "channel: the other end has closed");
    }
    take_rights(message, packet.descriptors);
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        return fail(Code::DataLoss, fmt::format("channel: a packet was cut; at most {} bytes and {} descriptors are taken",
                                                kPacketBytesMax, kRightsMax));
    }
    packet.bytes.resize(static_cast<std::size_t>(got));
    return packet;
}

}  // namespace resonant::ipc
