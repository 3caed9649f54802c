// One connection's way: bytes in, requests, answers, bytes out. Coming and going: http_accept.cc.
#include "resonant/net/http.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/beast/http.hpp>
#include <cerrno>

#include "resonant/net/http_connection.h"
#include "resonant/net/media_type.h"

namespace resonant::net {

namespace http = boost::beast::http;

struct HttpParser : http::request_parser<http::string_body> {};

namespace {

constexpr std::size_t kReadAtOnce = 64 * 1024;
constexpr std::size_t kStuckMax = 4 * kHttpHeaderMax;  // bytes that make no progress: an endless chunk head
constexpr std::size_t kDrainMax = 64 * 1024 * 1024;  // of a refused request, read so that its answer arrives

// What makes a head unfit to be worked on, though it can be read; 0 when nothing does.
std::pair<int, std::string_view> fault_of(const http::request<http::string_body>& head) {
    const auto hosts = head.count(http::field::host);
    if (hosts > 1 || (hosts == 0 && head.version() >= 11)) {
        return {400, "a request names one Host"};
    }
    const auto codings = head.count(http::field::transfer_encoding);
    if (codings > 1 || (codings == 1 && !boost::beast::iequals(head[http::field::transfer_encoding], "chunked"))) {
        return {400, "Transfer-Encoding can only be chunked"};
    }
    if (codings == 1 && head.version() < 11) {
        return {400, "Transfer-Encoding needs HTTP/1.1"};
    }
    if (head[http::field::content_length].find_first_not_of("0123456789") != std::string_view::npos) {
        return {400, "Content-Length is one number"};
    }
    const auto expect = head.find(http::field::expect);
    if (expect != head.end() && !boost::beast::iequals(expect->value(), "100-continue")) {
        return {417, "only 100-continue can be expected"};
    }
    return {0, {}};
}

// Whether what has come of a chunk's head cannot become one, so that waiting for its end is in vain.
bool bad_chunk_head(std::string_view head) {
    head.remove_prefix(head.starts_with("\r\n") ? 2 : head == "\r" ? 1 : 0);
    const std::size_t digits = std::min(head.find_first_not_of("0123456789abcdefABCDEF"), head.size());
    const std::size_t end = head.find('\n');
    return (digits < head.size() && (digits == 0 || std::string_view("; \t\r").find(head[digits]) == std::string_view::npos)) ||
           (end != std::string_view::npos && (end == 0 || head[end - 1] != '\r'));
}

std::string render(const HttpResponse& response, bool keep_alive, bool head) {
    const auto reason = http::obsolete_reason(static_cast<http::status>(response.status));
    std::string text = fmt::format("HTTP/1.1 {} {}\r\n", response.status,
                                   std::string_view(reason.data(), reason.size()));
    if (!response.body.empty() || response.stream) {
        text += fmt::format("Content-Type: {}\r\n", response.content_type);
    }
    for (const auto& [name, value] : response.headers) {
        text += fmt::format("{}: {}\r\n", name, value);
    }
    if (!keep_alive) {
        text += "Connection: close\r\n";
    }
    if (response.stream) {
        return text + "Transfer-Encoding: chunked\r\n\r\n";
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

HttpServer::Connection::Connection() = default;

HttpServer::Connection::~Connection() = default;

long HttpServer::Connection::receive(std::span<char> to) {
    return tls ? tls->receive(to) : ::recv(socket.get(), to.data(), to.size(), MSG_DONTWAIT);
}

long HttpServer::Connection::send(std::string_view from) {
    return tls ? tls->send(from) : ::send(socket.get(), from.data(), from.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

std::size_t HttpServer::Connection::body_bytes() const { return parser->get().body().size(); }

std::size_t HttpServer::Connection::body_bytes_max() const {
    return static_cast<std::size_t>(parser->content_length().value_or(kHttpBodyMax));
}

void HttpServer::Connection::expect_request() {
    parser = std::make_unique<HttpParser>();
    parser->header_limit(kHttpHeaderMax);
    parser->body_limit(kHttpBodyMax);
    parser->eager(true);
    head_taken = false;
    enter(State::Idle);
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
    if (connection.state == Connection::State::Waiting) {
        if ((events & EPOLLHUP) != 0) {
            drop(id);
        }
        return;
    }
    if (connection.state == Connection::State::Working) {
        if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0 && connection.stream) {
            drop(id);  // who closes an endless answer has read enough
            return;
        }
        if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) {
            // Nobody may be there for the answer any more; it is sent all the same, and what was asked after it.
            connection.half_closed = true;
            connection.gone->store(true, std::memory_order_relaxed);
            rewatch(connection);
        }
        return;
    }
    // A handshake may have waited for room to write.
    const std::uint32_t readable = EPOLLIN | EPOLLHUP | (connection.tls ? EPOLLOUT : 0U);
    if ((events & readable) != 0 && !read(connection)) {
        drop(id);
    }
}

bool HttpServer::read(Connection& connection) {
    std::array<char, kReadAtOnce> bytes;
    const long count = connection.receive(bytes);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        rewatch(connection);
        return true;
    }
    if (count == 0 && connection.state == Connection::State::Idle && !connection.input.empty()) {
        connection.half_closed = true;  // requests that came before the end are answered
        rewatch(connection);
        return true;
    }
    if (count == 0 && connection.state == Connection::State::Reading && !connection.tls) {
        connection.half_closed = true;
        return refuse(connection, 400, "the request ended before it was whole");
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
    if (connection.parser->is_header_done() && !connection.head_taken) {
        return take_head(connection);
    }
    return go_on(connection);
}

bool HttpServer::take_head(Connection& connection) {
    connection.head_taken = true;
    const auto& head = connection.parser->get();
    if (const auto [status, words] = fault_of(head); status != 0) {
        return refuse(connection, status, words);
    }
    if (!connection.parser->is_done() && head.count(http::field::expect) > 0) {
        connection.output += "HTTP/1.1 100 Continue\r\n\r\n";
        if (!flush(connection)) {
            return false;
        }
    }
    return go_on(connection);
}

bool HttpServer::go_on(Connection& connection) {
    if (connection.parser->is_done()) {
        give_room_back(connection);
        dispatch(connection);
        return true;
    }
    if (connection.input.size() > kStuckMax ||
        (connection.parser->is_header_done() && connection.parser->chunked() && bad_chunk_head(connection.input))) {
        return refuse(connection, 400, "a chunk's head is wrong, or does not end");
    }
    if (connection.half_closed) {
        return refuse(connection, 400, "the request ended before it was whole");
    }
    if (connection.state == Connection::State::Reading && !has_room(connection)) {
        wait_for_room(connection);
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
    give_room_back(connection);
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
    // Most are answered by now and go on as they were watched: only who waits is watched otherwise.
    const auto waiting = connections_.find(id);
    if (waiting != connections_.end() && waiting->second->state == Connection::State::Working) {
        rewatch(*waiting->second);
    }
}

void HttpServer::answer(std::uint64_t id, std::uint64_t number, const HttpResponse& response) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || found->second->request != number ||
        found->second->state != Connection::State::Working) {
        return;  // the client went, or it was answered already
    }
    Connection& connection = *found->second;
    if (!response.stream) {
        connection.gone.reset();  // whatever happens to the connection now, nobody waits for this request
    }
    if (!respond(connection, response)) {
        loop_.post([this, id, alive = std::weak_ptr<int>(alive_)] {
            if (!alive.expired()) {
                drop(id);
            }
        });
        return;
    }
    next_request(id);
}

// The next request may have come along with this one. Later, so that a long row of them is no recursion.
void HttpServer::next_request(std::uint64_t id) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || found->second->state != Connection::State::Idle ||
        found->second->input.empty()) {
        return;
    }
    loop_.post([this, id, alive = std::weak_ptr<int>(alive_)] {
        const auto next = alive.expired() ? connections_.end() : connections_.find(id);
        if (next != connections_.end() && next->second->state == Connection::State::Idle &&
            !parse(*next->second)) {
            drop(id);
        }
    });
}

bool HttpServer::begin_stream(Connection& connection, const HttpResponse& response) {
    const std::shared_ptr<HttpStream> body = response.stream;
    connection.output += render(response, connection.keep_alive, connection.head);
    connection.stream = body;
    body->sink_ = [this, id = connection.id, number = connection.request,
                   alive = std::weak_ptr<int>(alive_)](std::string_view bytes, bool last) {
        if (!alive.expired()) {
            stream(id, number, bytes, last);
        }
    };
    if (!flush(connection)) {
        return false;
    }
    // What was written meanwhile; later, because it may end this connection.
    loop_.post([body, alive = std::weak_ptr<int>(alive_)] {
        if (!alive.expired() && body->sink_ && !body->gone_) {
            const std::string waiting = std::exchange(body->waiting_, {});
            body->sink_(waiting, body->ended_);
        }
    });
    return true;
}

void HttpServer::stream(std::uint64_t id, std::uint64_t request, std::string_view bytes, bool last) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || found->second->request != request || !found->second->stream) {
        return;
    }
    Connection& connection = *found->second;
    if (!bytes.empty()) {
        connection.output += fmt::format("{:x}\r\n", bytes.size());
        connection.output.append(bytes).append("\r\n");
    }
    if (last) {
        connection.output += "0\r\n\r\n";
        connection.stream.reset();
        connection.gone.reset();
        connection.keep_alive ? connection.expect_request() : connection.enter(Connection::State::Draining);
    }
    if (connection.output.size() - connection.written > kHttpStreamMax || !flush(connection)) {
        drop(id);
        return;
    }
    next_request(id);
}

void HttpStream::write(std::string_view bytes) {
    if (!open() || bytes.empty()) {
        return;
    }
    if (sink_ && waiting_.empty()) {
        sink_(bytes, false);
    } else {
        waiting_.append(bytes);
    }
}

void HttpStream::end() {
    if (!open()) {
        return;
    }
    ended_ = true;
    if (sink_ && waiting_.empty()) {
        sink_({}, true);
    }
}

bool HttpServer::respond(Connection& connection, const HttpResponse& response) {
    if (response.stream && !connection.head) {
        return begin_stream(connection, response);
    }
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
        const long count = connection.send(std::string_view(connection.output).substr(connection.written));
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
        connection.since = coarse_now_ns();
    }
    connection.output.clear();
    connection.written = 0;
    if (connection.half_closed && connection.state != Connection::State::Working &&
        (connection.state == Connection::State::Draining || connection.input.empty())) {
        return false;
    }
    if (connection.state == Connection::State::Draining) {
        if (connection.tls) {
            connection.tls->finish();
        }
        // The peer may still be sending; closing now would reset the connection under our answer.
        shutdown(connection.socket.get(), SHUT_WR);
    }
    rewatch(connection);
    return true;
}

void HttpServer::rewatch(Connection& connection) {
    const bool writes = !connection.output.empty() || (connection.tls && connection.tls->wants_to_write());
    std::uint32_t events = writes ? static_cast<std::uint32_t>(EPOLLOUT) : 0U;
    if (connection.state == Connection::State::Waiting) {
        // Its bytes stay where they are: with the peer, in the end.
    } else if (connection.state != Connection::State::Working) {
        // Who does not read answers is not read from: nothing piles up.
        events |= connection.output.empty() && !connection.half_closed ? static_cast<std::uint32_t>(EPOLLIN) : 0U;
    } else if (!connection.half_closed) {
        events |= EPOLLRDHUP;
    }
    loop_.change(connection.socket.get(), events);
}

}  // namespace resonant::net
