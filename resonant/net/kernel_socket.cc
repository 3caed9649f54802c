#include "resonant/net/kernel_socket.h"

#include <fmt/core.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "resonant/base/socket_address.h"
#include "resonant/base/log.h"
#include "resonant/base/rights.h"
#include "resonant/net/journal.h"

namespace resonant::net {

namespace {

constexpr std::size_t kOutputHigh = 1 * 1024 * 1024;   // waiting answers that stop the reading of requests
constexpr std::size_t kOutputMax = 32 * 1024 * 1024;
constexpr std::size_t kIdleBytes = 4 * 1024;           // of a buffer that an idle connection keeps
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

}  // namespace

struct KernelSocket::Connection {
    std::uint64_t id = 0;
    Descriptor socket;
    Peer peer;
    std::string input;
    std::size_t scanned = 0;  // of the input, known to hold no line end
    std::string output;
    std::size_t written = 0;  // of the output
    std::vector<Descriptor> descriptors;
    std::uint64_t timer = 0;
    bool brief = false;
    bool heard = false;       // a whole line came
    bool cut = false;         // descriptors were lost on their way
    bool input_over = false;
    bool closing = false;

    std::size_t waiting() const { return output.size() - written; }
};

Result<std::unique_ptr<KernelSocket>> KernelSocket::open(Loop& loop, const std::filesystem::path& path,
                                                         Handler handler, Options options) {
    Descriptor listener(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!listener) {
        return fail_errno("kernel socket: socket", errno);
    }
    const bool any_user = options.access == Access::AnyUser;
    RESONANT_CHECK(any_user ? bind_abstract(listener.get(), path.string()) : bind_file(listener.get(), path));
    if (listen(listener.get(), kBacklog) != 0) {
        return fail_errno("kernel socket: listen on " + path.string(), errno);
    }
    auto server = std::unique_ptr<KernelSocket>(new KernelSocket(loop, path, std::move(handler), std::move(options)));
    RESONANT_ASSIGN(server->acceptor_, Acceptor::open(loop, std::move(listener),
                                                      [raw = server.get()](Descriptor socket, Acceptor::Room room) {
                                                          raw->accepted(std::move(socket), room);
                                                      }));
    return server;
}

KernelSocket::KernelSocket(Loop& loop, std::filesystem::path path, Handler handler, Options options)
    : loop_(loop), path_(std::move(path)), handler_(std::move(handler)), options_(std::move(options)) {}

KernelSocket::~KernelSocket() {
    for (auto& [id, connection] : connections_) {
        flush(*connection);  // the last words, as far as the peer takes them now
        loop_.cancel(connection->timer);
        loop_.unwatch(connection->socket.get());
    }
    if (options_.access == Access::OwnUser && acceptor_) {
        std::error_code ignored;  // the next kernel replaces a socket that stays
        std::filesystem::remove(path_, ignored);
    }
}

bool KernelSocket::welcomes(const Peer& peer) const {
    if (options_.access == Access::OwnUser) {
        return peer.uid == geteuid() || peer.uid == 0;
    }
    const auto held = of_user_.find(peer.uid);
    return held == of_user_.end() || held->second < kConnectionsOfUser;
}

void KernelSocket::refuse(const Descriptor& socket, std::string_view why) const {
    log().warn("kernel socket: refused a connection, {}", why);
    if (!options_.refusal.empty()) {
        const std::string line = options_.refusal + "\n";
        static_cast<void>(!::send(socket.get(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    }
}

void KernelSocket::accepted(Descriptor socket, Acceptor::Room room) {
    const Result<Peer> peer = peer_of(socket.get());
    if (!peer || !welcomes(*peer)) {
        refuse(socket, fmt::format("of uid {}", peer ? std::to_string(peer->uid) : "unknown"));
        return;
    }
    const bool brief = room == Acceptor::Room::Reserve || connections_.size() >= options_.connections_max;
    if (brief && (options_.access == Access::AnyUser || connections_.size() >= options_.connections_max + kBriefMax)) {
        refuse(socket, fmt::format("of pid {}: {} are open", peer->pid, connections_.size()));
        return;
    }
    auto connection = std::make_unique<Connection>();
    connection->id = next_++;
    connection->peer = *peer;
    connection->brief = brief;
    connection->socket = std::move(socket);
    const std::uint64_t id = connection->id;
    const Status watched = loop_.watch(connection->socket.get(), EPOLLIN | EPOLLRDHUP,
                                       [this, id](std::uint32_t events) { serve(id, events); });
    if (!watched) {
        refuse(connection->socket, watched.error().message);
        return;
    }
    limit(*connection, kFirstLine);
    ++of_user_[peer->uid];
    connections_.emplace(id, std::move(connection));
}

// Ends the connection when `time` is over and it has not got farther.
void KernelSocket::limit(Connection& connection, Nanos time) {
    loop_.cancel(connection.timer);
    connection.timer = loop_.after(connection.brief ? kBrief : time, [this, id = connection.id] { drop(id); });
}

void KernelSocket::serve(std::uint64_t id, std::uint32_t events) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) {
        return;
    }
    Connection& connection = *found->second;
    const bool gone = (events & (EPOLLHUP | EPOLLERR)) != 0;
    if ((events & EPOLLOUT) != 0 && !flush(connection)) {
        drop(id);
    } else if ((events & (EPOLLIN | EPOLLRDHUP)) != 0 ? !receive(connection, gone) : gone) {
        drop(id);
    }
}

// False when the connection is over. `gone`: the peer reads nothing more, either.
bool KernelSocket::receive(Connection& connection, bool gone) {
    const Received got = receive_with_rights(connection.socket.get(), connection.input, connection.descriptors, MSG_DONTWAIT);
    if (got.bytes < 0 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    if (got.bytes <= 0) {
        return got.bytes == 0 && !gone && input_over(connection);
    }
    connection.cut = connection.cut || got.rights_lost;
    return deliver(connection);
}

// Passes every whole line on. False when the connection is over, true also when the handler closed it.
bool KernelSocket::deliver(Connection& connection) {
    const std::uint64_t id = connection.id;
    const std::size_t line_max = options_.access == Access::OwnUser ? kLineMax : kLineOfAnyUser;
    while (true) {
        const std::size_t end = connection.input.find('\n', connection.scanned);
        if (end == std::string::npos || end > line_max) {
            connection.scanned = connection.input.size();
            break;
        }
        KernelMessage message{id, connection.peer, connection.input.substr(0, end), std::exchange(connection.descriptors, {}),
                              connection.brief, std::exchange(connection.cut, false)};
        connection.input.erase(0, end + 1);
        connection.scanned = 0;
        if (!std::exchange(connection.heard, true)) {
            loop_.cancel(std::exchange(connection.timer, 0));
        }
        const bool brief = connection.brief;
        handler_.message(std::move(message));
        if (brief) {
            close(id);
        }
        if (!connections_.contains(id) || connection.closing) {
            return true;
        }
    }
    if (connection.input.empty() && connection.input.capacity() > kIdleBytes) {
        connection.input.shrink_to_fit();
    }
    if (connection.input.size() > line_max || connection.descriptors.size() > kDescriptorsMax) {
        log().warn("kernel socket: pid {} sent more than one message may hold", connection.peer.pid);
        return false;
    }
    return true;
}

// The peer sends nothing more and may still read. False when nothing is left to be said.
bool KernelSocket::input_over(Connection& connection) {
    connection.input_over = true;
    close_when_answered(connection);
    return flush(connection);
}

void KernelSocket::close_when_answered(Connection& connection) {
    if (connection.input_over && !connection.closing && !(handler_.waits && handler_.waits(connection.id))) {
        connection.closing = true;
        limit(connection, kLinger);
    }
}

void KernelSocket::send(std::uint64_t id, std::string_view text) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) {
        return;
    }
    Connection& connection = *found->second;
    connection.output.append(text);
    connection.output.push_back('\n');
    close_when_answered(connection);
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
    limit(*found->second, kLinger);
    if (!flush(*found->second)) {
        drop(id);
    }
}

// False when the connection is over.
bool KernelSocket::flush(Connection& connection) {
    while (connection.waiting() > 0) {
        const ssize_t count = ::send(connection.socket.get(), connection.output.data() + connection.written,
                                     connection.waiting(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 && errno == EAGAIN) {
            break;
        }
        if (count < 0) {
            return false;
        }
        connection.written += static_cast<std::size_t>(count);
    }
    if (connection.waiting() == 0) {
        connection.output.clear();
        connection.written = 0;
        if (connection.output.capacity() > kIdleBytes) {
            connection.output.shrink_to_fit();
        }
    }
    // The lines that were read have all been passed on, so an event always comes when there is more to do.
    const bool in = !connection.input_over && !connection.closing && connection.waiting() < kOutputHigh;
    loop_.change(connection.socket.get(), (in ? static_cast<std::uint32_t>(EPOLLIN | EPOLLRDHUP) : 0U) |
                                              (connection.waiting() > 0 ? static_cast<std::uint32_t>(EPOLLOUT) : 0U));
    return connection.waiting() <= kOutputMax && (connection.waiting() > 0 || !connection.closing);
}

void KernelSocket::drop(std::uint64_t id) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) {
        return;
    }
    loop_.cancel(found->second->timer);
    loop_.unwatch(found->second->socket.get());
    if (const auto held = of_user_.find(found->second->peer.uid); --held->second == 0) {
        of_user_.erase(held);
    }
    connections_.erase(found);
    handler_.closed(id);
}

}  // namespace resonant::net
