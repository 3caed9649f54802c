// One connection's way out: answers, whole or as streams, and what the loop watches it for.
#include <fmt/core.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <boost/beast/http/status.hpp>
#include <cerrno>
#include <utility>

#include "resonant/net/http.h"
#include "resonant/net/http_connection.h"

namespace resonant::net {

namespace http = boost::beast::http;

namespace {

// What of a request decides on the form of its answer.
struct Form {
    bool keep_alive;
    bool old;
    bool head;
};

std::string render(const HttpResponse& response, const Form& form) {
    const auto reason = http::obsolete_reason(static_cast<http::status>(response.status));
    std::string text = fmt::format("HTTP/1.1 {} {}\r\n", response.status,
                                   std::string_view(reason.data(), reason.size()));
    if (!response.body.empty() || response.stream) {
        text += fmt::format("Content-Type: {}\r\n", response.content_type);
    }
    for (const auto& [name, value] : response.headers) {
        text += fmt::format("{}: {}\r\n", name, value);
    }
    if (!form.keep_alive) {
        text += "Connection: close\r\n";
    } else if (form.old) {
        text += "Connection: keep-alive\r\n";
    }
    if (response.stream) {
        return text + (form.old ? "\r\n" : "Transfer-Encoding: chunked\r\n\r\n");
    }
    text += fmt::format("Content-Length: {}\r\n\r\n", response.body.size());
    if (!form.head) {
        text += response.body;
    }
    return text;
}

}  // namespace

long HttpServer::Connection::send(std::string_view from) {
    return tls ? tls->send(from) : ::send(socket.get(), from.data(), from.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void HttpServer::answer(std::uint64_t id, std::uint64_t number, const HttpResponse& response) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || found->second->request != number ||
        found->second->state != State::Working) {
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
    weigh(connection);
    next_request(id);
}

// The next request may have come along with this one. Later, so that a long row of them is no recursion.
void HttpServer::next_request(std::uint64_t id) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || found->second->state != State::Idle ||
        found->second->input.empty()) {
        return;
    }
    loop_.post([this, id, alive = std::weak_ptr<int>(alive_)] {
        const auto next = alive.expired() ? connections_.end() : connections_.find(id);
        if (next == connections_.end() || next->second->state != State::Idle) {
            return;
        }
        if (parse(*next->second)) {
            reweigh(id);
        } else {
            drop(id);
        }
    });
}

bool HttpServer::begin_stream(Connection& connection, const HttpResponse& response) {
    const std::shared_ptr<HttpStream> body = response.stream;
    connection.keep_alive = connection.keep_alive && !connection.old;  // the end of a stream that is not chunked is its connection's
    connection.output += render(response, {connection.keep_alive, connection.old, connection.head});
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
    if (connection.old) {
        connection.output += bytes;
    } else if (!bytes.empty()) {
        connection.output += fmt::format("{:x}\r\n", bytes.size());
        connection.output.append(bytes).append("\r\n");
    }
    if (last) {
        connection.output += connection.old ? "" : "0\r\n\r\n";
        connection.stream.reset();
        connection.gone.reset();
        connection.keep_alive ? expect_request(connection) : enter(connection, State::Draining);
    }
    const std::size_t behind = connection.output.size() - connection.written;
    const bool too_far = behind > (admission_.short_of_memory() ? kHttpStreamShort : kHttpStreamMax);
    if (too_far || !flush(connection)) {
        drop(id);
        return;
    }
    weigh(connection);
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
    connection.keep_alive = connection.keep_alive && !response.close;
    connection.output += render(response, {connection.keep_alive, connection.old, connection.head});
    if (connection.keep_alive) {
        expect_request(connection);
    } else {
        enter(connection, State::Draining);
    }
    return flush(connection);
}

bool HttpServer::flush(Connection& connection) {
    bool moved = false;
    while (connection.written < connection.output.size()) {
        const long count = connection.send(std::string_view(connection.output).substr(connection.written));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 && errno != EAGAIN) {
            return false;
        }
        if (count < 0) {
            if (moved) {
                start_time(connection);
            }
            rewatch(connection);
            return true;
        }
        connection.written += static_cast<std::size_t>(count);
        moved = true;
    }
    connection.output.clear();
    connection.written = 0;
    start_time(connection);
    if (connection.half_closed && connection.state != State::Working &&
        (connection.state == State::Draining || connection.input.empty())) {
        return false;
    }
    if (connection.state == State::Draining) {
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
    if (connection.state == State::Waiting) {
        // Its bytes stay where they are: with the peer, in the end.
    } else if (connection.state != State::Working) {
        // Who does not read answers is not read from: nothing piles up.
        events |= connection.output.empty() && !connection.half_closed ? static_cast<std::uint32_t>(EPOLLIN) : 0U;
    } else if (!connection.peer_closed) {
        events |= EPOLLRDHUP;
    }
    loop_.change(connection.socket.get(), events);
}

}  // namespace resonant::net
