#include "resonant/net/kernel_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "resonant/base/socket_address.h"
#include "resonant/base/log.h"
#include "resonant/base/rights.h"
#include "resonant/net/journal.h"

namespace resonant::net {

namespace {

constexpr std::size_t kConnectionsMax = 256;
constexpr std::size_t kOutputMax = 32 * 1024 * 1024;
constexpr std::size_t kReadAtOnce = 64 * 1024;
constexpr std::size_t kConnectionsOfUser = 16;  // where any user may connect
constexpr std::size_t kLineOfAnyUser = 256;

Status bind_abstract(int listener, const std::string& name) {
    RESONANT_ASSIGN(const SocketAddress abstract, abstract_name(name));
    if (bind(listener, abstract.get(), abstract.size) != 0) {
        return errno == EADDRINUSE ? fail(Code::Conflict, fmt::format("kernel socket: another process holds the name {}", name))
                                   : fail_errno("kernel socket: bind " + name, errno);
    }
    return {};
}

// Binds a file of mode 0600 in place of what was there.
Status bind_file(int listener, const std::filesystem::path& path) {
    Descriptor folder;
    RESONANT_ASSIGN(const SocketAddress file, file_address(path.string(), folder));
    unlink(file.address.sun_path);
    // The mode is the umask's business at bind(): nobody can connect in between, listen() comes last.
    if (bind(listener, file.get(), file.size) != 0) {
        return fail_errno("kernel socket: bind " + path.string(), errno);
    }
    return chmod(file.address.sun_path, 0600) == 0 ? Status{} : fail_errno("kernel socket: chmod 0600 " + path.string(), errno);
}

// Reads bytes and descriptors that came along. Returns recvmsg's value.
ssize_t receive_message(int socket, std::string& text, std::vector<Descriptor>& descriptors, int flags) {
    std::array<char, kReadAtOnce> bytes;
    RightsRoom room;
    iovec vector{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    expect_rights(message, room);
    const ssize_t count = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    if (count <= 0) {
        return count;
    }
    text.append(bytes.data(), static_cast<std::size_t>(count));
    take_rights(message, descriptors);
    return count;
}

}  // namespace

struct KernelSocket::Connection {
    std::uint64_t id = 0;
    Descriptor socket;
    Peer peer;
    std::string input;
    std::string output;
    std::vector<Descriptor> descriptors;
    bool closing = false;
};

Result<std::unique_ptr<KernelSocket>> KernelSocket::open(Loop& loop, const std::filesystem::path& path,
                                                         Handler handler, Access access) {
    Descriptor listener(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!listener) {
        return fail_errno("kernel socket: socket", errno);
    }
    RESONANT_CHECK(access == Access::AnyUser ? bind_abstract(listener.get(), path.string()) : bind_file(listener.get(), path));
    if (listen(listener.get(), 128) != 0) {
        return fail_errno("kernel socket: listen on " + path.string(), errno);
    }
    auto server = std::unique_ptr<KernelSocket>(
        new KernelSocket(loop, path, std::move(listener), std::move(handler), access));
    RESONANT_CHECK(loop.watch(server->listener_.get(), EPOLLIN,
                              [raw = server.get()](std::uint32_t) { raw->accept(); }));
    return server;
}

KernelSocket::KernelSocket(Loop& loop, std::filesystem::path path, Descriptor listener, Handler handler, Access access)
    : loop_(loop),
      path_(std::move(path)),
      listener_(std::move(listener)),
      handler_(std::move(handler)),
      access_(access) {}

KernelSocket::~KernelSocket() {
    loop_.unwatch(listener_.get());
    for (auto& [id, connection] : connections_) {
        flush(*connection);  // the last words, as far as the peer takes them now
        loop_.unwatch(connection->socket.get());
    }
    if (access_ == Access::OwnUser) {
        std::error_code ignored;  // the next kernel replaces a socket that stays
        std::filesystem::remove(path_, ignored);
    }
}

bool KernelSocket::welcomes(const Peer& peer) const {
    if (access_ == Access::OwnUser) {
        return peer.uid == geteuid() || peer.uid == 0;
    }
    const auto held = std::count_if(connections_.begin(), connections_.end(),
                                    [&peer](const auto& one) { return one.second->peer.uid == peer.uid; });
    return static_cast<std::size_t>(held) < kConnectionsOfUser;
}

void KernelSocket::accept() {
    Descriptor socket(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) {
        return;
    }
    const Result<Peer> peer = peer_of(socket.get());
    if (!peer || !welcomes(*peer)) {
        log().warn("kernel socket: refused uid {}", peer ? std::to_string(peer->uid) : "unknown");
        return;
    }
    if (connections_.size() >= kConnectionsMax) {
        log().warn("kernel socket: refused pid {}, {} connections are open already", peer->pid,
                   connections_.size());
        return;
    }
    auto connection = std::make_unique<Connection>();
    connection->id = next_++;
    connection->peer = *peer;
    connection->socket = std::move(socket);
    const std::uint64_t id = connection->id;
    const Status watched = loop_.watch(connection->socket.get(), EPOLLIN | EPOLLRDHUP,
                                       [this, id](std::uint32_t events) { serve(id, events); });
    if (!watched) {
        log().warn("kernel socket: {}", watched.error().message);
        return;
    }
    connections_.emplace(id, std::move(connection));
}

void KernelSocket::serve(std::uint64_t id, std::uint32_t events) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) {
        return;
    }
    Connection& connection = *found->second;
    if ((events & EPOLLOUT) != 0 && !flush(connection)) {
        drop(id);
        return;
    }
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0 && !receive(connection)) {
        drop(id);
    }
}

// False when the connection is over.
bool KernelSocket::receive(Connection& connection) {
    const ssize_t count = receive_message(connection.socket.get(), connection.input,
                                          connection.descriptors, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    if (count <= 0) {
        return false;
    }
    const std::uint64_t id = connection.id;
    const std::size_t line_max = access_ == Access::OwnUser ? kLineMax : kLineOfAnyUser;
    while (true) {
        const std::size_t end = connection.input.find('\n');
        if (end == std::string::npos || end > line_max) {
            break;
        }
        KernelMessage message{id, connection.peer, connection.input.substr(0, end),
                              std::move(connection.descriptors)};
        connection.descriptors.clear();
        connection.input.erase(0, end + 1);
        handler_.message(std::move(message));
        if (!connections_.contains(id)) {
            return true;  // the handler closed it
        }
    }
    if (connection.input.size() > line_max || connection.descriptors.size() > kDescriptorsMax) {
        log().warn("kernel socket: pid {} sent more than one message may hold", connection.peer.pid);
        return false;
    }
    return true;
}

void KernelSocket::send(std::uint64_t id, std::string_view text) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) {
        return;
    }
    Connection& connection = *found->second;
    connection.output.append(text);
    connection.output.push_back('\n');
    if (!flush(connection)) {
        // Not here: the caller may be inside receive().
        loop_.post([this, id, alive = std::weak_ptr<int>(alive_)] {
            if (!alive.expired()) {
                drop(id);
            }
        });
    }
}

void KernelSocket::close(std::uint64_t id) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) {
        return;
    }
    found->second->closing = true;
    if (found->second->output.empty()) {
        drop(id);
    }
}

// False when the connection is over.
bool KernelSocket::flush(Connection& connection) {
    while (!connection.output.empty()) {
        const ssize_t count = ::send(connection.socket.get(), connection.output.data(),
                                     connection.output.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 && errno == EAGAIN) {
            loop_.change(connection.socket.get(), EPOLLIN | EPOLLRDHUP | EPOLLOUT);
            return connection.output.size() <= kOutputMax;
        }
        if (count < 0) {
            return false;
        }
        connection.output.erase(0, static_cast<std::size_t>(count));
    }
    loop_.change(connection.socket.get(), EPOLLIN | EPOLLRDHUP);
    return !connection.closing;
}

void KernelSocket::drop(std::uint64_t id) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) {
        return;
    }
    loop_.unwatch(found->second->socket.get());
    connections_.erase(found);
    handler_.closed(id);
}

Result<KernelLink> KernelLink::connect(const std::filesystem::path& path) {
    Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket) {
        return fail_errno("kernel socket: socket", errno);
    }
    const std::string name = path.string();
    const bool is_abstract = name.starts_with('@');
    Descriptor folder;
    RESONANT_ASSIGN(const SocketAddress address, is_abstract ? abstract_name(name) : file_address(name, folder));
    const int connected = ::connect(socket.get(), address.get(), address.size);
    if (connected != 0 && (errno == ENOENT || errno == ECONNREFUSED)) {
        return fail(Code::NotFound, fmt::format("no kernel listens at {}; start one with: resonant up", name));
    }
    if (connected != 0) {
        return fail_errno("kernel socket: connect to " + name, errno);
    }
    RESONANT_CHECK(is_abstract ? expect_holder(socket.get(), name) : Status{});
    return KernelLink(std::move(socket));
}

Status KernelLink::send(std::string_view line, std::span<const int> descriptors) {
    std::string text(line);
    text.push_back('\n');
    std::size_t sent = 0;
    while (sent < text.size()) {
        iovec vector{text.data() + sent, text.size() - sent};
        msghdr message{};
        message.msg_iov = &vector;
        message.msg_iovlen = 1;
        RightsRoom room;
        if (sent == 0 && !descriptors.empty()) {
            if (descriptors.size() > kDescriptorsMax) {
                return fail(Code::InvalidArgument, fmt::format("kernel socket: {} descriptors, at most {}",
                                                               descriptors.size(), kDescriptorsMax));
            }
            put_rights(message, room, descriptors);
        }
        const ssize_t count = sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return fail(Code::Unavailable, fmt::format("kernel socket: the kernel hung up while it was "
                                                       "asked ({})", std::strerror(errno)));
        }
        sent += static_cast<std::size_t>(count);
    }
    return {};
}

Result<std::string> KernelLink::receive(Nanos patience) {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    const std::int64_t until = std::int64_t{now.tv_sec} * 1'000 + now.tv_nsec / 1'000'000 +
                               patience.count / 1'000'000;
    while (true) {
        const std::size_t end = pending_.find('\n');
        if (end != std::string::npos) {
            std::string line = pending_.substr(0, end);
            pending_.erase(0, end + 1);
            return line;
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        const std::int64_t left = until - (std::int64_t{now.tv_sec} * 1'000 + now.tv_nsec / 1'000'000);
        pollfd wait{socket_.get(), POLLIN, 0};
        const int ready = poll(&wait, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 1 << 30)));
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        if (ready == 0) {
            return fail(Code::Timeout, fmt::format("the kernel did not answer within {:.1f} s",
                                                   patience.seconds()));
        }
        std::vector<Descriptor> unasked;
        const ssize_t count = receive_message(socket_.get(), pending_, unasked, 0);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return fail(Code::Unavailable, "the kernel hung up");
        }
    }
}

Result<std::string> KernelLink::ask(std::string_view line, Nanos patience) {
    RESONANT_CHECK(send(line));
    return receive(patience);
}

}  // namespace resonant::net
