// A Post is one HTTP request of ours to a server that the owner named, over a connection of its own that is
// closed after the answer: http, or https with the system's certificates.
//
// Threads: any; the caller waits, for `timeout` at most.
#pragma once

#include <chrono>
#include <string>

#include "resonant/base/result.h"

namespace resonant::broker {

struct Post {
    std::string host, port, target;  // "localhost", "11434", "/v1"
    bool is_encrypted = false;
    std::string authorization;  // empty: none
    std::string body;           // JSON
    std::chrono::milliseconds timeout{10'000};
    std::size_t answer_bytes_max = 1U << 20;
};

struct PostAnswer {
    unsigned status = 0;
    std::string body;
};

// Unavailable when the server cannot be reached, breaks off, sends no HTTP or too much, or takes too long.
Result<PostAnswer> send(const Post& post);

}  // namespace resonant::broker
