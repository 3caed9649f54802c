// Watchers are many clients that hold an event stream open (subscriptions/listen on memory://stats) while one client
// stores memories: what is measured is how many notifications reach them, and how long after the first one the others
// have theirs.
//
// Belongs to one thread.
#pragma once

#include "bench/load_swarm.h"

#include <algorithm>

namespace resonant::bench {

class Watchers {
  public:
    Watchers(Target target, std::size_t count) : target_(std::move(target)), poll_(::epoll_create1(EPOLL_CLOEXEC)), streams_(count) {}

    // Opens every stream. `subscribed` streams have been acknowledged when this returns, or 60 s went by.
    void gather() {
        for (std::size_t i = 0; i < streams_.size(); ++i) {
            open(i);
            if (i % 64 == 63) {
                turn(0, false);
            }
        }
        const std::int64_t end = tick_ns() + 60'000'000'000;
        while (tick_ns() < end && subscribed_ + figures_.refused < streams_.size()) {
            turn(50, false);
        }
    }
    // Stores a memory each `pace_ns` for `seconds`.
    Figures run(double seconds, std::int64_t pace_ns) {
        const Descriptor writer = dial();
        const std::int64_t start = tick_ns();
        const std::int64_t end = start + static_cast<std::int64_t>(seconds * 1e9);
        std::int64_t next = start;
        while (tick_ns() < end) {
            if (tick_ns() >= next) {
                next += pace_ns;
                const std::string number = std::to_string(++id_);
                const std::string text = post(R"({"jsonrpc":"2.0","id":)" + number + R"(,"method":"tools/call","params":{"name":"memory_add",)"
                                              R"("arguments":{"content":"load )" + number + R"("}}})", "2025-11-25", "");
                static_cast<void>(!::send(writer.get(), text.data(), text.size(), MSG_NOSIGNAL));
                static_cast<void>(::recv(writer.get(), scratch_, sizeof scratch_, MSG_DONTWAIT));
            }
            turn(5, true);
        }
        figures_.answers_per_s = static_cast<double>(figures_.answers) / (static_cast<double>(tick_ns() - start) / 1e9);
        std::ranges::sort(late_);
        const auto at = [&](double share) {
            return late_.empty() ? 0 : static_cast<double>(late_[static_cast<std::size_t>(share * static_cast<double>(late_.size() - 1))]) / 1e3;
        };
        figures_.p50_us = at(0.5);
        figures_.p99_us = at(0.99);
        figures_.silent = static_cast<std::size_t>(std::ranges::count_if(streams_, [](const Stream& one) { return one.notes == 0; }));
        return figures_;
    }

  private:
    struct Stream {
        Descriptor socket;
        std::size_t notes = 0;
        std::string input;
        bool acknowledged = false;
    };

    std::string post(const std::string& body, const char* version, const std::string& more) const {
        return "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(target_.port) +
               "\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nAuthorization: Bearer " + target_.bearer +
               "\r\nMCP-Protocol-Version: " + version + "\r\n" + more + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }
    Descriptor dial() const {
        Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(target_.port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            socket.reset();
        }
        return socket;
    }
    void open(std::size_t which) {
        Stream& one = streams_[which];
        one.socket = dial();
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = which;
        ::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, one.socket.get(), &event);
        const std::string text = post(
            R"({"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":["memory://stats"]},)"
            R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":)"
            R"({"name":"load","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}})",
            "2026-07-28", "Mcp-Method: subscriptions/listen\r\n");
        static_cast<void>(!::send(one.socket.get(), text.data(), text.size(), MSG_NOSIGNAL));
    }
    void turn(int wait_ms, bool counts) {
        epoll_event events[256];
        const int count = ::epoll_wait(poll_.get(), events, 256, wait_ms);
        for (int i = 0; i < count; ++i) {
            hear(streams_[events[i].data.u64], counts);
        }
    }
    void hear(Stream& one, bool counts) {
        const ssize_t count = ::recv(one.socket.get(), scratch_, sizeof scratch_, MSG_DONTWAIT);
        if (count < 0 && errno == EAGAIN) {
            return;
        }
        if (count <= 0) {
            figures_.closed_unanswered += one.acknowledged ? 1 : 0;
            one.socket.reset();
            return;
        }
        one.input.append(scratch_, static_cast<std::size_t>(count));
        if (!one.acknowledged && one.input.starts_with("HTTP/1.1 503")) {
            ++figures_.refused;
            one.socket.reset();
            return;
        }
        for (std::size_t end = one.input.find("\n\n"); end != std::string::npos; end = one.input.find("\n\n")) {
            const std::string_view event = std::string_view(one.input).substr(0, end);
            if (event.find("subscriptions/acknowledged") != std::string_view::npos) {
                one.acknowledged = true;
                ++subscribed_;
            } else if (event.find("resources/updated") != std::string_view::npos && counts) {
                note(one);
            }
            one.input.erase(0, end + 2);
        }
    }
    // A wave is one change; whoever is first to see its next one begins it.
    void note(Stream& one) {
        const std::int64_t now = tick_ns();
        if (one.notes == waves_) {
            ++waves_;
            wave_ = now;
        }
        ++one.notes;
        ++figures_.answers;
        late_.push_back(now - wave_);
    }

    const Target target_;
    Descriptor poll_;
    std::vector<Stream> streams_;
    std::vector<std::int64_t> late_;
    Figures figures_;
    std::size_t subscribed_ = 0, waves_ = 0;
    std::int64_t wave_ = 0;
    std::uint64_t id_ = 0;
    char scratch_[64 * 1024];
};

}  // namespace resonant::bench
