// How an HttpServer listens, and how connections come and go.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "resonant/base/log.h"
#include "resonant/net/http_connection.h"

namespace resonant::net {

namespace {

constexpr std::int64_t kDrainNs = 5'000'000'000;
constexpr std::int64_t kWriteNs = 30'000'000'000;

Result<Descriptor> listen_on(const HttpServerOptions& options) {
    addrinfo hints{};
    hints.ai_family = options.host == "localhost" ? AF_INET : AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = options.host == "localhost" ? 0 : AI_NUMERICHOST;
    addrinfo* found = nullptr;
    const std::string port = std::to_string(options.port);
    if (const int error = getaddrinfo(options.host.c_str(), port.c_str(), &hints, &found); error != 0) {
        return fail(Code::InvalidArgument, fmt::format("http: {} is no address ({}); use 127.0.0.1",
                                                       options.host, gai_strerror(error)));
    }
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> address(found, &freeaddrinfo);
    Descriptor listener(
        socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (!listener) {
        return fail_errno("http: socket", errno);
    }
    const int yes = 1;
    setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener.get(), address->ai_addr, address->ai_addrlen) != 0 ||
        listen(listener.get(), 256) != 0) {
        return fail(Code::Unavailable,
                    fmt::format("http: {}:{} cannot be listened on ({}); choose another with --http",
                                options.host, options.port, std::strerror(errno)));
    }
    return listener;
}

std::uint16_t port_of(int listener) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        return 0;
    }
    // The port lies at the same place in both families.
    return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::open(Loop& loop, HttpHandler handler,
                                                     HttpServerOptions options) {
    RESONANT_ASSIGN(Descriptor listener, listen_on(options));
    const std::uint16_t port = port_of(listener.get());
    auto server = std::unique_ptr<HttpServer>(
        new HttpServer(loop, std::move(handler), std::move(options), std::move(listener), port));
    RESONANT_CHECK(loop.watch(server->listener_.get(), EPOLLIN,
                              [raw = server.get()](std::uint32_t) { raw->accept(); }));
    server->timer_ = loop.after(from_millis(1'000), [raw = server.get()] { raw->sweep(); });
    return server;
}

HttpServer::HttpServer(Loop& loop, HttpHandler handler, HttpServerOptions options, Descriptor listener,
                       std::uint16_t port)
    : loop_(loop),
      handler_(std::move(handler)),
      options_(std::move(options)),
      listener_(std::move(listener)),
      port_(port) {}

HttpServer::~HttpServer() {
    loop_.cancel(timer_);
    loop_.unwatch(listener_.get());
    while (!connections_.empty()) {
        drop(connections_.begin()->first);
    }
}

void HttpServer::accept() {
    for (int i = 0; i < 64; ++i) {
        Descriptor socket(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!socket) {
            return;
        }
        adopt(std::move(socket));
    }
}

void HttpServer::adopt(Descriptor socket) {
    if (connections_.size() >= kHttpConnectionsMax) {
        make_room();
    }
    if (connections_.size() >= kHttpConnectionsMax) {
        if (options_.tls) {
            return;  // there is no word before the handshake
        }
        static constexpr std::string_view kBusy =
            "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        static_cast<void>(::send(socket.get(), kBusy.data(), kBusy.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
        return;
    }
    const int yes = 1;
    setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    auto connection = std::make_unique<Connection>();
    const std::uint64_t id = next_++;
    connection->id = id;
    connection->socket = std::move(socket);
    connection->expect_request();
    if (options_.tls) {
        options_.tls->renew();
        connection->tls = std::make_unique<TlsStream>(*options_.tls, connection->socket.get());
        connection->enter(Connection::State::Reading);  // the handshake has a request's time
    }
    const Status watched = loop_.watch(connection->socket.get(), EPOLLIN,
                                       [this, id](std::uint32_t events) { serve(id, events); });
    if (!watched) {
        log().warn("http: {}", watched.error().message);
        return;
    }
    connections_.emplace(id, std::move(connection));
}

// Lets go the connection that has idled or dawdled longest; those being worked for stay.
void HttpServer::make_room() {
    Connection* oldest = nullptr;
    for (const auto& [id, connection] : connections_) {
        const bool busy = connection->state == Connection::State::Working || !connection->output.empty();
        // The clock is coarse: among equals the one that came first is the oldest.
        if (!busy && (oldest == nullptr || std::pair(connection->since, id) <
                                            std::pair(oldest->since, oldest->id))) {
            oldest = connection.get();
        }
    }
    if (oldest != nullptr) {
        drop(oldest->id);
    }
}

void HttpServer::drop(std::uint64_t id) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) {
        return;
    }
    if (found->second->gone) {
        found->second->gone->store(true, std::memory_order_relaxed);
    }
    give_room_back(*found->second);
    const std::shared_ptr<HttpStream> stream = std::move(found->second->stream);
    loop_.unwatch(found->second->socket.get());
    connections_.erase(found);
    if (stream) {
        stream->gone_ = true;
        if (const auto told = std::exchange(stream->on_gone, {})) {
            told();
        }
    }
}

void HttpServer::sweep() {
    const std::int64_t now = coarse_now_ns();
    std::vector<std::uint64_t> late;
    for (const auto& [id, connection] : connections_) {
        std::int64_t limit = options_.idle_patience.count;
        if (!connection->output.empty()) {
            limit = kWriteNs;
        } else if (connection->state == Connection::State::Reading || connection->state == Connection::State::Waiting) {
            limit = options_.request_patience.count;
        } else if (connection->state == Connection::State::Draining) {
            limit = kDrainNs;
        } else if (connection->state == Connection::State::Working) {
            continue;
        }
        if (now - connection->since > limit) {
            late.push_back(id);
        }
    }
    for (const std::uint64_t id : late) {
        Connection& connection = *connections_.at(id);
        const bool waits = connection.state == Connection::State::Waiting;
        const bool half = connection.state == Connection::State::Reading && connection.output.empty();
        const bool told =
            waits ? refuse(connection, 503, fmt::format("there was no room for its body: large ones may have {} bytes under "
                                                        "way, all together; send it again", kHttpLargeMax))
                  : half && refuse(connection, 408, "the request did not come in whole in time");
        if (!told) {
            drop(id);
        }
    }
    timer_ = loop_.after(from_millis(1'000), [this] { sweep(); });
}

}  // namespace resonant::net
