// One connection's way in: bytes, requests, what is refused. Answers: http_answer.cc; coming and going: http_accept.cc.
#include "resonant/net/http.h"

#include <fmt/core.h>
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
constexpr std::size_t kKeptIdle = 4 * 1024;           // bytes of a buffer that an idle connection keeps
constexpr std::size_t kConnectionBytes = 1'024;       // of a connection without buffers: itself, its watch, its places
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

std::size_t HttpServer::Connection::body_bytes() const { return parser->get().body().size(); }

std::size_t HttpServer::Connection::body_bytes_max() const {
    return static_cast<std::size_t>(parser->content_length().value_or(kHttpBodyMax));
}

HttpServer::Wait HttpServer::Connection::wait() const {
    if (refused) {
        return Refused;
    }
    if (!output.empty()) {
        return Writing;
    }
    switch (state) {
        case State::Idle: return request == 0 ? Fresh : Idle;
        case State::Reading:
        case State::Waiting: return Request;
        case State::Working: return Unlimited;
        case State::Draining: break;
    }
    return Draining;
}

// Of a body what has come: the parser reserves the length that a head claims, and pages that nobody wrote cost nothing.
// What heads may claim all together is bounded apart (has_room).
std::size_t HttpServer::Connection::bytes() const {
    return kConnectionBytes + input.capacity() + output.capacity() + (parser ? parser->get().body().size() : 0);
}

void HttpServer::enter(Connection& connection, State state) {
    connection.state = state;
    start_time(connection);
}

void HttpServer::start_time(Connection& connection) { ages_.start(connection.place, connection.wait(), coarse_now_ns()); }

// Tells admission what the connection holds now. One that waits for its next request holds next to nothing.
void HttpServer::weigh(Connection& connection) {
    for (std::string* buffer : {&connection.input, &connection.output}) {
        if (connection.state == State::Idle && buffer->empty() && buffer->capacity() > kKeptIdle) {
            std::string().swap(*buffer);  // = {} would keep the capacity
        }
    }
    const std::size_t bytes = connection.bytes();
    admission_.hold(bytes, std::exchange(connection.weight, bytes));
}

void HttpServer::reweigh(std::uint64_t id) {
    if (const auto found = connections_.find(id); found != connections_.end()) {
        weigh(*found->second);
    }
}

// Forgets the last request and waits for the next one.
void HttpServer::expect_request(Connection& connection) {
    connection.parser.reset();
    connection.head_taken = false;
    connection.line_overlooked = false;
    enter(connection, State::Idle);
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
    const bool writable = (events & EPOLLOUT) != 0;
    if (writable && (!flush(connection) || (connection.state == State::Idle && !connection.input.empty() && !parse(connection)))) {
        drop(id);
        return;
    }
    if (connection.state == State::Waiting) {
        if ((events & EPOLLHUP) != 0) {
            drop(id);
        }
        return;
    }
    if (connection.state == State::Working) {
        if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0 && connection.stream) {
            if ((events & EPOLLHUP) != 0 || connection.stream->probe.empty()) {
                drop(id);
                return;
            }
            connection.peer_closed = true;
            rewatch(connection);
            stream(id, connection.request, connection.stream->probe, false);
            return;
        }
        if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) {
            // Nobody may be there for the answer any more; it is sent all the same, and what was asked after it.
            connection.peer_closed = true;
            connection.gone->store(true, std::memory_order_relaxed);
            rewatch(connection);
        }
        return;
    }
    if (connection.state == State::Idle && !connection.input.empty()) {
        return;  // what was read before comes first, one request a turn: reading on would only pile it up
    }
    // A handshake may have waited for room to write.
    const std::uint32_t readable = EPOLLIN | EPOLLHUP | (connection.tls ? EPOLLOUT : 0U);
    if ((events & readable) != 0 && !read(connection)) {
        drop(id);
        return;
    }
    weigh(connection);
}

bool HttpServer::read(Connection& connection) {
    std::array<char, kReadAtOnce> bytes;
    const long count = connection.receive(bytes);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        rewatch(connection);
        return true;
    }
    if (count == 0 && connection.state == State::Reading && !connection.tls) {
        connection.half_closed = true;
        return refuse(connection, 400, "the request ended before it was whole");
    }
    if (count <= 0) {
        return false;
    }
    if (connection.state == State::Draining) {
        connection.drained += static_cast<std::size_t>(count);
        return connection.drained <= kDrainMax;
    }
    return parse(connection, std::string_view(bytes.data(), static_cast<std::size_t>(count)));
}

// `fresh` came just now, behind what lies in the connection's input. What cannot be used yet is kept there.
bool HttpServer::parse(Connection& connection, std::string_view fresh) {
    if (!connection.input.empty() || !connection.output.empty()) {
        connection.input.append(std::exchange(fresh, {}));
    }
    if (!connection.output.empty()) {
        return true;  // flushed first; serve() comes back here
    }
    const bool kept = fresh.empty();
    std::string_view rest = kept ? std::string_view(connection.input) : fresh;
    const auto keep_rest = [&] {
        kept ? connection.input.erase(0, connection.input.size() - rest.size()) : connection.input.assign(rest);
    };
    const bool begun = connection.parser && connection.parser->got_some();
    if (!begun && !connection.line_overlooked && rest.starts_with("\r\n")) {
        rest.remove_prefix(2);  // RFC 9112, 2.2: one empty line before a request is overlooked
        connection.line_overlooked = true;
    }
    if (connection.state == State::Idle && !rest.empty()) {
        enter(connection, State::Reading);
    }
    if (rest.empty() || (!begun && !connection.line_overlooked && rest == "\r")) {
        keep_rest();
        return true;  // of an empty line, perhaps
    }
    if (!connection.parser) {
        connection.parser = std::make_unique<HttpParser>();
        connection.parser->header_limit(kHttpHeaderMax);
        connection.parser->body_limit(kHttpBodyMax);
        connection.parser->eager(true);
    }
    boost::system::error_code error;
    while (!rest.empty() && !connection.parser->is_done()) {
        const std::size_t used = connection.parser->put(boost::asio::buffer(rest), error);
        rest.remove_prefix(used);
        if (error || used == 0) {
            break;
        }
    }
    keep_rest();
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
    if (connection.state == State::Reading && !has_room(connection)) {
        wait_for_room(connection);
    }
    return true;
}

bool HttpServer::refuse(Connection& connection, int status, std::string_view words) {
    connection.keep_alive = false;
    connection.old = false;
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
    request.connection = connection.id;
    request.gone = connection.gone = std::make_shared<std::atomic<bool>>(false);
    connection.keep_alive = message.keep_alive();
    connection.old = message.version() < 11;
    connection.head = request.method == "HEAD";
    enter(connection, State::Working);
    const std::uint64_t number = ++connection.request;
    const std::uint64_t id = connection.id;
    if (admission_.short_of_memory() && !make_room(HttpAdmission::Verdict::Memory)) {
        answer(id, number, busy(HttpAdmission::Verdict::Memory));
        return;
    }
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
    if (waiting != connections_.end() && waiting->second->state == State::Working) {
        rewatch(*waiting->second);
    }
}

}  // namespace resonant::net
