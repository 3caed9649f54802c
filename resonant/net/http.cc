#include "resonant/net/http.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <optional>

#include "resonant/base/log.h"

namespace resonant::net {

namespace {

namespace http = boost::beast::http;

constexpr std::size_t kReadAtOnce = 64 * 1024;
constexpr std::size_t kDrainMax = 64 * 1024 * 1024;  // of a refused request, read so that its answer arrives
constexpr std::int64_t kDrainNs = 5'000'000'000;
constexpr std::int64_t kWriteNs = 30'000'000'000;

std::int64_t now_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return out;
}

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

std::string render(const HttpResponse& response, bool keep_alive, bool head) {
    const auto reason = http::obsolete_reason(static_cast<http::status>(response.status));
    std::string text = fmt::format("HTTP/1.1 {} {}\r\n", response.status,
                                   std::string_view(reason.data(), reason.size()));
    if (!response.body.empty()) {
        text += fmt::format("Content-Type: {}\r\n", response.content_type);
    }
    for (const auto& [name, value] : response.headers) {
        text += fmt::format("{}: {}\r\n", name, value);
    }
    if (!keep_alive) {
        text += "Connection: close\r\n";
    }
    text += fmt::format("Content-Length: {}\r\n\r\n", response.body.size());
    if (!head) {
        text += response.body;
    }
    return text;
}

}  // namespace

const std::string* HttpRequest::header(std::string_view name) const {
    const auto found = std::find_if(headers.begin(), headers.end(),
                                    [&](const auto& header) { return header.first == name; });
    return found == headers.end() ? nullptr : &found->second;
}

struct HttpServer::Connection {
    enum class State : std::uint8_t { Idle, Reading, Working, Draining };
    using Parser = http::request_parser<http::string_body>;

    std::uint64_t id = 0;
    Descriptor socket;
    State state = State::Idle;
    std::int64_t since = 0;      // when the state began, or when the last byte was written
    std::string input;
    std::string output;
    std::size_t written = 0;
    std::size_t drained = 0;
    std::uint64_t request = 0;   // counts the requests of this connection
    bool keep_alive = true;
    bool head = false;           // the request being answered is a HEAD
    bool half_closed = false;
    bool continued = false;
    std::optional<Parser> parser;
    std::shared_ptr<std::atomic<bool>> gone;

    void enter(State next) {
        state = next;
        since = now_ns();
    }
    void expect_request() {
        parser.emplace();
        parser->header_limit(kHttpHeaderMax);
        parser->body_limit(kHttpBodyMax);
        parser->eager(true);
        continued = false;
        enter(State::Idle);
    }
};

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
        if (!busy && (oldest == nullptr || connection->since < oldest->since)) {
            oldest = connection.get();
        }
    }
    if (oldest != nullptr) {
        drop(oldest->id);
    }
}

void HttpServer::serve(std::uint64_t id, std::uint32_t events) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) {
        return;
    }
    Connection& connection = *found->second;
    if ((events & EPOLLERR) != 0) {
        drop(id);
        return;
    }
    if ((events & EPOLLOUT) != 0 && !flush(connection)) {
        drop(id);
        return;
    }
    if ((events & EPOLLOUT) != 0 && connection.state == Connection::State::Idle &&
        !connection.input.empty() && !parse(connection)) {
        drop(id);
        return;
    }
    if (connection.state == Connection::State::Working) {
        if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) {
            // Nobody may be there for the answer any more; it is sent all the same.
            connection.half_closed = true;
            connection.keep_alive = false;
            connection.gone->store(true, std::memory_order_relaxed);
            rewatch(connection);
        }
        return;
    }
    if ((events & (EPOLLIN | EPOLLHUP)) != 0 && !read(connection)) {
        drop(id);
    }
}

bool HttpServer::read(Connection& connection) {
    std::array<char, kReadAtOnce> bytes;
    const ssize_t count = recv(connection.socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    if (count <= 0) {
        return false;
    }
    if (connection.state == Connection::State::Draining) {
        connection.drained += static_cast<std::size_t>(count);
        return connection.drained <= kDrainMax;
    }
    connection.input.append(bytes.data(), static_cast<std::size_t>(count));
    return parse(connection);
}

bool HttpServer::parse(Connection& connection) {
    if (!connection.output.empty()) {
        return true;  // flushed first; serve() comes back here
    }
    if (connection.state == Connection::State::Idle && !connection.input.empty()) {
        connection.enter(Connection::State::Reading);
    }
    boost::system::error_code error;
    while (!connection.input.empty() && !connection.parser->is_done()) {
        const std::size_t used =
            connection.parser->put(boost::asio::buffer(connection.input), error);
        connection.input.erase(0, used);
        if (error || used == 0) {
            break;
        }
    }
    if (error && error != http::error::need_more) {
        if (error == http::error::body_limit) {
            return refuse(connection, 413, fmt::format("the body is longer than {} bytes", kHttpBodyMax));
        }
        if (error == http::error::header_limit) {
            return refuse(connection, 431, fmt::format("the head is longer than {} bytes", kHttpHeaderMax));
        }
        return refuse(connection, 400, error.message());
    }
    if (connection.parser->is_done()) {
        dispatch(connection);
        return true;
    }
    if (connection.parser->is_header_done() && !connection.continued) {
        connection.continued = true;
        if (boost::beast::iequals(connection.parser->get()[http::field::expect], "100-continue")) {
            connection.output += "HTTP/1.1 100 Continue\r\n\r\n";
            return flush(connection);
        }
    }
    return true;
}

bool HttpServer::refuse(Connection& connection, int status, std::string_view words) {
    connection.keep_alive = false;
    connection.head = false;
    HttpResponse response;
    response.status = status;
    response.content_type = "text/plain; charset=utf-8";
    response.body = fmt::format("{}\n", words);
    connection.input.clear();
    return respond(connection, response);
}

void HttpServer::dispatch(Connection& connection) {
    auto& message = connection.parser->get();
    HttpRequest request;
    request.method = std::string_view(message.method_string().data(), message.method_string().size());
    request.target = std::string_view(message.target().data(), message.target().size());
    request.body = std::move(message.body());
    for (const auto& field : message) {
        request.headers.emplace_back(
            lower(std::string_view(field.name_string().data(), field.name_string().size())),
            std::string(field.value().data(), field.value().size()));
    }
    request.gone = connection.gone = std::make_shared<std::atomic<bool>>(false);
    connection.keep_alive = message.keep_alive();
    connection.head = request.method == "HEAD";
    connection.enter(Connection::State::Working);
    const std::uint64_t number = ++connection.request;
    const std::uint64_t id = connection.id;
    rewatch(connection);
    handler_(std::move(request), [this, id, number, &loop = loop_,
                                  alive = std::weak_ptr<int>(alive_)](HttpResponse response) {
        if (loop.in_loop()) {
            if (!alive.expired()) {
                answer(id, number, response);
            }
            return;
        }
        loop.post([this, id, number, alive, response = std::move(response)] {
            if (!alive.expired()) {
                answer(id, number, response);
            }
        });
    });
}

void HttpServer::answer(std::uint64_t id, std::uint64_t number, const HttpResponse& response) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || found->second->request != number ||
        found->second->state != Connection::State::Working) {
        return;  // the client went, or it was answered already
    }
    Connection& connection = *found->second;
    if (!respond(connection, response)) {
        loop_.post([this, id, alive = std::weak_ptr<int>(alive_)] {
            if (!alive.expired()) {
                drop(id);
            }
        });
        return;
    }
    if (connection.state == Connection::State::Idle && !connection.input.empty()) {
        // The next request came along with this one. Later, so that a long row of them is no recursion.
        loop_.post([this, id, alive = std::weak_ptr<int>(alive_)] {
            const auto next = alive.expired() ? connections_.end() : connections_.find(id);
            if (next != connections_.end() && next->second->state == Connection::State::Idle &&
                !parse(*next->second)) {
                drop(id);
            }
        });
    }
}

bool HttpServer::respond(Connection& connection, const HttpResponse& response) {
    connection.output += render(response, connection.keep_alive, connection.head);
    if (connection.keep_alive) {
        connection.expect_request();
    } else {
        connection.enter(Connection::State::Draining);
    }
    return flush(connection);
}

bool HttpServer::flush(Connection& connection) {
    while (connection.written < connection.output.size()) {
        const ssize_t count = ::send(connection.socket.get(), connection.output.data() + connection.written,
                                     connection.output.size() - connection.written,
                                     MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 && errno != EAGAIN) {
            return false;
        }
        if (count < 0) {
            rewatch(connection);
            return true;
        }
        connection.written += static_cast<std::size_t>(count);
        connection.since = now_ns();
    }
    connection.output.clear();
    connection.written = 0;
    if (connection.state == Connection::State::Draining) {
        if (connection.half_closed) {
            return false;
        }
        // The peer may still be sending; closing now would reset the connection under our answer.
        shutdown(connection.socket.get(), SHUT_WR);
    }
    rewatch(connection);
    return true;
}

void HttpServer::rewatch(Connection& connection) {
    std::uint32_t events = connection.output.empty() ? 0U : static_cast<std::uint32_t>(EPOLLOUT);
    if (connection.state != Connection::State::Working) {
        // Who does not read answers is not read from: nothing piles up.
        events |= connection.output.empty() ? static_cast<std::uint32_t>(EPOLLIN) : 0U;
    } else if (!connection.half_closed) {
        events |= EPOLLRDHUP;
    }
    loop_.change(connection.socket.get(), events);
}

void HttpServer::drop(std::uint64_t id) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) {
        return;
    }
    if (found->second->gone) {
        found->second->gone->store(true, std::memory_order_relaxed);
    }
    loop_.unwatch(found->second->socket.get());
    connections_.erase(found);
}

void HttpServer::sweep() {
    const std::int64_t now = now_ns();
    std::vector<std::uint64_t> late;
    for (const auto& [id, connection] : connections_) {
        std::int64_t limit = options_.idle_patience.count;
        if (!connection->output.empty()) {
            limit = kWriteNs;
        } else if (connection->state == Connection::State::Reading) {
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
        const bool half = connection.state == Connection::State::Reading && connection.output.empty();
        if (!half || !refuse(connection, 408, "the request did not come in whole in time")) {
            drop(id);
        }
    }
    timer_ = loop_.after(from_millis(1'000), [this] { sweep(); });
}

}  // namespace resonant::net
