// A Connection is one client of an HttpServer, between two of its requests or in one. Private to the
// server's sources.
//
// Belongs to the loop's thread.
#pragma once

#include <ctime>
#include <memory>
#include <span>
#include <string>

#include "resonant/net/http.h"

namespace resonant::net {

struct HttpParser;  // Beast's, http.cc

// Nanoseconds since boot, a few milliseconds coarse.
inline std::int64_t coarse_now_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

struct HttpServer::Connection {
    using State = HttpServer::State;

    Connection();
    ~Connection();

    std::uint64_t id = 0;
    Descriptor socket;
    State state = State::Idle;
    AgeLists<kWaits>::Place place;  // its time: since the state began, or the last byte was written
    bool refused = false;        // it is read from only so that it gets to read why
    const std::string* owner = nullptr;  // claim()
    std::size_t weight = 0;      // bytes, as admission knows them
    std::string input;
    std::string output;
    std::size_t written = 0;
    std::size_t drained = 0;
    std::size_t reserved = 0;    // bytes of room for a large body
    std::uint64_t request = 0;   // counts the requests of this connection
    bool keep_alive = true;
    bool old = false;            // the request being answered is HTTP/1.0: nothing is chunked, staying is said
    bool head = false;           // the request being answered is a HEAD
    bool peer_closed = false;    // it sends nothing more; what it sent may still lie with the system
    bool half_closed = false;    // that was read, too: nothing more can come
    bool head_taken = false;     // of the request being read
    bool line_overlooked = false;  // the empty one before it
    std::unique_ptr<HttpParser> parser;  // of the request being read; none between two
    std::shared_ptr<std::atomic<bool>> gone;
    std::unique_ptr<TlsStream> tls;     // none: plain
    std::shared_ptr<HttpStream> stream;  // of the answer being given, while it goes on

    // As recv() and send() with MSG_DONTWAIT.
    long receive(std::span<char> to);
    long send(std::string_view from);
    // Of the request being read: what has come of its body, and what can come at most.
    std::size_t body_bytes() const;
    std::size_t body_bytes_max() const;
    // What it is waited for now.
    Wait wait() const;
    std::size_t bytes() const;
};

}  // namespace resonant::net
