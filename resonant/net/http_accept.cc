// How an HttpServer listens, and how connections come and go.
#include <arpa/inet.h>
#include <fmt/core.h>
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
constexpr std::int64_t kRefusedNs = 1'000'000'000;

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
        listen(listener.get(), kBacklog) != 0) {
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
    auto server = std::unique_ptr<HttpServer>(new HttpServer(loop, std::move(handler), std::move(options), port));
    RESONANT_ASSIGN(server->acceptor_, Acceptor::open(loop, std::move(listener), [raw = server.get()](Descriptor socket, Acceptor::Room room) {
                        raw->adopt(std::move(socket), room);
                    }));
    server->timer_ = loop.after(from_millis(1'000), [raw = server.get()] { raw->sweep(); });
    return server;
}

HttpServer::HttpServer(Loop& loop, HttpHandler handler, HttpServerOptions options, std::uint16_t port)
    : loop_(loop), handler_(std::move(handler)), options_(std::move(options)), port_(port), admission_(options_.limits) {}

HttpServer::~HttpServer() {
    loop_.cancel(timer_);
    while (!connections_.empty()) {
        drop(connections_.begin()->first);
    }
}

HttpServer::Connection* HttpServer::keep(Descriptor socket, Wait wait) {
    const int yes = 1;
    setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    const std::uint64_t id = next_++;
    if (const Status watched = loop_.watch(socket.get(), EPOLLIN, [this, id](std::uint32_t events) { serve(id, events); }); !watched) {
        log().warn("http: {}", watched.error().message);
        return nullptr;
    }
    auto connection = std::make_unique<Connection>();
    connection->id = id;
    connection->socket = std::move(socket);
    connection->place = ages_.add(id, wait, coarse_now_ns());
    return connections_.emplace(id, std::move(connection)).first->second.get();
}

void HttpServer::adopt(Descriptor socket, Acceptor::Room room) {
    using Verdict = HttpAdmission::Verdict;
    const Verdict verdict = room == Acceptor::Room::Reserve ? Verdict::Descriptors : admission_.judge(connections(), socket.get());
    if (verdict != Verdict::Admitted && (verdict == Verdict::Descriptors || !make_room(verdict))) {
        refuse_newcomer(std::move(socket), verdict);
        return;
    }
    Connection* const connection = keep(std::move(socket), Fresh);
    if (connection == nullptr) {
        return;
    }
    if (options_.tls) {
        options_.tls->renew();
        connection->tls = std::make_unique<TlsStream>(*options_.tls, connection->socket.get());
        enter(*connection, State::Reading);  // the handshake has a request's time
    }
    weigh(*connection);
}

// The newcomer is told why, and has a moment to read it: closing now would reset the answer away under a request that
// is already there. Under TLS there is no word before the handshake.
void HttpServer::refuse_newcomer(Descriptor socket, HttpAdmission::Verdict why) {
    if (options_.tls) {
        return;
    }
    const std::string answer = admission_.answer(why);
    static_cast<void>(::send(socket.get(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    if (ages_.size(Refused) >= kHttpRefusedMax) {
        return;
    }
    shutdown(socket.get(), SHUT_WR);
    if (Connection* const connection = keep(std::move(socket), Refused)) {
        connection->refused = true;
        connection->state = State::Draining;
    }
}

HttpResponse HttpServer::busy(HttpAdmission::Verdict why) const {
    HttpResponse response{503, "application/json", admission_.body(why), {{"Retry-After", std::to_string(kHttpRetryAfter)}}};
    response.close = why != HttpAdmission::Verdict::Memory;
    return response;
}

std::optional<HttpResponse> HttpServer::claim(std::uint64_t id, std::string_view owner) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || admission_.claim(found->second->owner, owner, connections())) {
        return std::nullopt;
    }
    return busy(HttpAdmission::Verdict::Share);
}

// Closes what nobody uses. False when there is still no room.
bool HttpServer::make_room(HttpAdmission::Verdict why) {
    const std::int64_t now = coarse_now_ns();
    const auto drop_oldest = [&](Wait wait, Nanos age) {
        const auto* const oldest = ages_.oldest(wait);
        const bool unused = oldest != nullptr && now - oldest->since > age.count;
        if (unused) {
            drop(oldest->id);
        }
        return unused;
    };
    if (why == HttpAdmission::Verdict::Connections) {
        return drop_oldest(Fresh, kHttpTrulyIdle);
    }
    while (admission_.short_of_memory() && (drop_oldest(Writing, kHttpStandstill) || drop_oldest(Fresh, kHttpTrulyIdle) ||
                                            drop_oldest(Idle, kHttpTrulyIdle))) {
    }
    return !admission_.short_of_memory();
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
    ages_.remove(found->second->place);
    admission_.hold(0, found->second->weight);
    admission_.release(found->second->owner);
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

// Looks at those whose time is over, and at nobody else.
void HttpServer::sweep() {
    const std::int64_t limits[kWaits] = {INT64_MAX, options_.idle_patience.count, options_.idle_patience.count,
                                         options_.request_patience.count, options_.write_patience.count, kDrainNs, kRefusedNs};
    const std::int64_t now = coarse_now_ns();
    for (std::size_t wait = Fresh; wait < kWaits; ++wait) {
        for (const auto* first = ages_.oldest(wait); first != nullptr && now - first->since > limits[wait]; first = ages_.oldest(wait)) {
            time_over(first->id);
        }
    }
    timer_ = loop_.after(from_millis(1'000), [this] { sweep(); });
}

// Who waits for room in vain and who sends half a request are told; everybody else is let go.
void HttpServer::time_over(std::uint64_t id) {
    Connection& connection = *connections_.at(id);
    if (connection.wait() == Request) {
        const bool waits = connection.state == State::Waiting;
        if (refuse(connection, waits ? 503 : 408,
                   waits ? fmt::format("there was no room for its body: large ones may have {} bytes under way, all "
                                       "together; send it again", kHttpLargeMax)
                         : "the request did not come in whole in time")) {
            weigh(connection);
            return;
        }
    }
    drop(id);
}

}  // namespace resonant::net
