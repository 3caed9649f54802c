#include "resonant/net/http_client.h"

#include <fmt/core.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "resonant/base/ensure.h"
#include "resonant/net/secure_stream.h"

namespace resonant::net {

namespace http = boost::beast::http;

namespace {

constexpr std::size_t kReadAtOnce = 64 * 1024;
constexpr std::uint64_t kAnswerMax = 64 * 1024 * 1024;  // announced bytes of one answer

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
}

std::string render(const Url& url, const ClientRequest& request) {
    const bool usual = url.port == (url.secure ? 443 : 80);
    const bool v6 = url.host.find(':') != std::string::npos;
    std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: {}{}{}{}\r\n", request.method,
                                   request.target.empty() ? url.target : request.target, v6 ? "[" : "", url.host,
                                   v6 ? "]" : "", usual ? "" : fmt::format(":{}", url.port));
    for (const auto& [name, value] : request.headers) {
        text += fmt::format("{}: {}\r\n", name, value);
    }
    if (!request.body.empty() || request.method == "POST") {
        text += fmt::format("Content-Length: {}\r\n", request.body.size());
    }
    return text + "\r\n" + request.body;
}

}  // namespace

bool is_idempotent(std::string_view method) {
    return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE" || method == "PUT" ||
           method == "DELETE";
}

struct HttpClient::Connection {
    std::uint64_t id = 0;
    Descriptor socket;
    std::unique_ptr<SecureStream> secure;
    bool connected = false;
    bool busy = false;        // a request is under way
    bool used = false;        // an answer came on it before
    bool anything = false;    // a byte of the answer came
    bool told_head = false;
    Waiting request;
    std::string output;
    std::size_t written = 0;
    std::string input;
    std::unique_ptr<http::response_parser<http::string_body>> parser;
};

HttpClient::HttpClient(Loop& loop, Url url, Address address)
    : loop_(loop), url_(std::move(url)), address_(std::move(address)) {
    if (url_.secure) {
        security_ = SecureStream::make_context();
    }
}

HttpClient::~HttpClient() {
    for (const auto& [id, connection] : connections_) {
        loop_.unwatch(connection->socket.get());
    }
}

std::uint64_t HttpClient::send(ClientRequest request, ClientEvents events) {
    const std::uint64_t number = next_++;
    if (waiting_.size() >= kClientQueueMax) {
        loop_.post([done = events.done] {
            done(fail(Code::ResourceExhausted, fmt::format("{} requests wait for this server already", kClientQueueMax)));
        });
        return number;
    }
    waiting_.push_back({.number = number, .text = render(url_, request), .events = std::move(events),
                        .head_method = request.method == "HEAD", .idempotent = is_idempotent(request.method),
                        .sent = request.sent ? std::move(request.sent) : std::make_shared<bool>(false)});
    pump();
    return number;
}

void HttpClient::cancel(std::uint64_t number) {
    std::erase_if(waiting_, [&](const Waiting& one) { return one.number == number; });
    for (const auto& [id, connection] : connections_) {
        if (connection->busy && connection->request.number == number) {
            loop_.unwatch(connection->socket.get());
            connections_.erase(id);
            loop_.post([this, alive = std::weak_ptr<int>(alive_)] {
                if (!alive.expired()) {
                    pump();
                }
            });
            return;
        }
    }
}

// Whether the server closed an idle connection: a request put onto it would be lost, and whether it was carried out
// could not be known.
bool HttpClient::is_closed(const Connection& connection) {
    char byte = 0;
    const ssize_t seen = connection.used ? ::recv(connection.socket.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) : 1;
    return seen == 0 || (seen < 0 && errno != EAGAIN && errno != EINTR);
}

// Gives waiting requests to connections that are free, and opens more where that is allowed.
void HttpClient::pump() {
    while (!waiting_.empty()) {
        const auto free = std::find_if(connections_.begin(), connections_.end(),
                                       [](const auto& one) { return one.second->connected && !one.second->busy; });
        if (free != connections_.end() && is_closed(*free->second)) {
            loop_.unwatch(free->second->socket.get());
            connections_.erase(free);
            continue;
        }
        if (free == connections_.end() && connections_.size() >= kClientConnectionsMax) {
            return;
        }
        Waiting request = std::move(waiting_.front());
        waiting_.pop_front();
        if (free != connections_.end()) {
            assign(*free->second, std::move(request));
        } else {
            connect(std::move(request));
        }
    }
}

void HttpClient::connect(Waiting request) {
    const auto* address = reinterpret_cast<const sockaddr*>(address_.bytes.data());
    auto connection = std::make_unique<Connection>();
    connection->id = next_++;
    connection->socket.reset(::socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int yes = 1;
    ::setsockopt(connection->socket.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    const int done = ::connect(connection->socket.get(), address, static_cast<socklen_t>(address_.bytes.size()));
    const int error = errno;
    const auto refused = [&](const std::string& why) {
        loop_.post([done_event = request.events.done, why] { done_event(fail(Code::Unavailable, why)); });
    };
    if (done != 0 && error != EINPROGRESS) {
        refused(fmt::format("connect to {}:{}: {}", url_.host, url_.port, std::strerror(error)));
        return;
    }
    if (url_.secure) {
        connection->secure = SecureStream::open(security_, connection->socket.get(), url_.host);
    }
    connection->connected = true;  // as far as writing goes: an error shows there
    Connection& made = *connection;
    const std::uint64_t id = made.id;
    const Status watched = loop_.watch(made.socket.get(), EPOLLIN | EPOLLOUT,
                                       [this, id](std::uint32_t events) { ready(id, events); });
    if (!watched) {
        refused(watched.error().message);
        return;
    }
    connections_.emplace(id, std::move(connection));
    made.busy = true;
    made.request = std::move(request);
    made.output = made.request.text;
}

void HttpClient::assign(Connection& connection, Waiting request) {
    connection.busy = true;
    connection.anything = connection.told_head = false;
    connection.request = std::move(request);
    connection.output = connection.request.text;
    connection.written = 0;
    if (!write(connection)) {
        loop_.post([this, id = connection.id, alive = std::weak_ptr<int>(alive_)] {
            if (!alive.expired()) {
                broken(id, "the connection was closed");
            }
        });
    }
}

void HttpClient::ready(std::uint64_t id, std::uint32_t events) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) {
        return;
    }
    Connection& connection = *found->second;
    if ((events & EPOLLERR) != 0) {
        int error = 0;
        socklen_t size = sizeof error;
        ::getsockopt(connection.socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
        broken(id, fmt::format("{}:{}: {}", url_.host, url_.port, std::strerror(error)));
        return;
    }
    if ((connection.written < connection.output.size() || (events & EPOLLOUT) != 0) && !write(connection)) {
        broken(id, connection.secure ? connection.secure->words() : "the connection was closed");
        return;
    }
    if ((events & (EPOLLIN | EPOLLHUP)) != 0) {
        read(connection);
    }
}

bool HttpClient::write(Connection& connection) {
    while (connection.written < connection.output.size()) {
        const char* from = connection.output.data() + connection.written;
        const std::size_t size = connection.output.size() - connection.written;
        const ssize_t count = connection.secure ? connection.secure->write(from, size)
                                                : ::send(connection.socket.get(), from, size, MSG_NOSIGNAL);
        if (count < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN)) {
            rewatch(connection, !connection.secure || connection.secure->wants_write());
            return true;
        }
        if (count <= 0) {
            return false;
        }
        connection.written += static_cast<std::size_t>(count);
        *connection.request.sent = true;
    }
    rewatch(connection, false);
    return true;
}

void HttpClient::rewatch(Connection& connection, bool want_write) {
    loop_.change(connection.socket.get(), EPOLLIN | (want_write ? EPOLLOUT : 0U));
}

void HttpClient::read(Connection& connection) {
    const std::uint64_t id = connection.id;
    std::array<char, kReadAtOnce> bytes;
    while (true) {
        const ssize_t count = connection.secure ? connection.secure->read(bytes.data(), bytes.size())
                                                : ::recv(connection.socket.get(), bytes.data(), bytes.size(), 0);
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (count < 0) {
            broken(id, connection.secure ? connection.secure->words() : std::strerror(errno));
            return;
        }
        if (!connection.busy) {
            broken(id, "");  // closed while idle, or something nobody asked for
            return;
        }
        connection.anything = connection.anything || count > 0;
        connection.input.append(bytes.data(), static_cast<std::size_t>(count));
        const std::weak_ptr<int> alive(alive_);
        if (!parse(connection, count == 0)) {
            return;  // it is gone, or waits for its next request
        }
        if (count == 0) {
            broken(id, "the server closed the connection before its answer was whole");
            return;
        }
        if (alive.expired() || !connections_.contains(id) || !connection.secure) {
            return;  // plain sockets tell again when there is more
        }
    }
}

// False when this connection is not to be touched any more by the caller.
bool HttpClient::parse(Connection& connection, bool ended) {
    const std::uint64_t id = connection.id;
    const std::weak_ptr<int> alive(alive_);
    if (!connection.parser) {
        connection.parser = std::make_unique<http::response_parser<http::string_body>>();
        connection.parser->header_limit(kClientHeadMax);
        connection.parser->body_limit(boost::none);
        connection.parser->skip(connection.request.head_method);
    }
    boost::system::error_code error;
    auto& parser = *connection.parser;
    while (!connection.input.empty() && !parser.is_done()) {
        parser.eager(connection.told_head);
        const std::size_t used = parser.put(boost::asio::buffer(connection.input), error);
        connection.input.erase(0, used);
        if (error && error != http::error::need_more) {
            broken(id, fmt::format("an answer that is no HTTP: {}", error.message()));
            return false;
        }
        if (parser.is_header_done() && !connection.told_head) {
            if (parser.content_length() && *parser.content_length() > kAnswerMax) {
                broken(id, fmt::format("an answer of {} bytes; the limit is {}", *parser.content_length(), kAnswerMax));
                return false;
            }
            connection.told_head = true;
            HttpHeaders headers;
            for (const auto& field : parser.get()) {
                headers.emplace_back(lower({field.name_string().data(), field.name_string().size()}),
                                     std::string(field.value().data(), field.value().size()));
            }
            connection.request.events.head(static_cast<int>(parser.get().result_int()), headers);
            if (alive.expired() || !connections_.contains(id)) {
                return false;
            }
            continue;
        }
        if (error == http::error::need_more && used == 0) {
            break;
        }
        if (connection.told_head && !parser.get().body().empty()) {
            std::string piece;
            piece.swap(parser.get().body());
            connection.request.events.body(piece);
            if (alive.expired() || !connections_.contains(id)) {
                return false;
            }
        }
    }
    if (ended && connection.told_head && !parser.is_done()) {
        parser.put_eof(error);
    }
    if (!parser.is_done()) {
        return true;
    }
    finish(connection);
    return false;
}

void HttpClient::finish(Connection& connection) {
    const bool keep = connection.parser->get().keep_alive() && connection.input.empty();
    const std::uint64_t id = connection.id;
    const auto done = std::move(connection.request.events.done);
    connection.request = {};
    connection.parser.reset();
    connection.busy = false;
    connection.used = true;
    if (!keep) {
        loop_.unwatch(connection.socket.get());
        connections_.erase(id);
    }
    const std::weak_ptr<int> alive(alive_);
    done({});
    if (!alive.expired()) {
        pump();
    }
}

void HttpClient::broken(std::uint64_t id, const std::string& why) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) {
        return;
    }
    const std::unique_ptr<Connection> gone = std::move(found->second);
    loop_.unwatch(gone->socket.get());
    connections_.erase(found);
    if (!gone->busy) {
        return;
    }
    const bool harmless = !*gone->request.sent || gone->request.idempotent;
    if (gone->used && !gone->anything && harmless && !gone->request.repeated) {
        gone->request.repeated = true;
        connect(std::move(gone->request));  // a new one: other kept ones may be closed, too
        return;
    }
    const std::weak_ptr<int> alive(alive_);
    gone->request.events.done(
        fail(Code::Unavailable, harmless ? why : fmt::format("{}; the request was sent and may have been carried out", why)));
    if (!alive.expired()) {
        pump();
    }
}

}  // namespace resonant::net
