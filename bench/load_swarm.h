// A Swarm is many clients that stay, on one epoll: each asks, waits for its answer, thinks, and asks again. Clients talk
// lines over socket pairs (as the kernel has them from `resonant mcp`) or HTTP over connections that stay open. A client
// that is refused (503) comes again after a second, one that is cut off at once.
//
// Belongs to one thread.
//
// Invariants:
//   (1) A connection that ends while an answer is owed counts as closed unanswered, whatever the reason.
//   (2) An answer is read to its end before it counts: Content-Length, or the end of a line.
#pragma once

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "bench/home.h"
#include "resonant/net/journal.h"
#include "resonant/net/kernel_socket.h"

namespace resonant::bench {

inline std::int64_t tick_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Whom the swarm asks, and what.
struct Target {
    int port = 0;                  // of HTTP; 0: lines
    std::filesystem::path socket;  // of the kernel, for lines
    std::string bearer;
    std::string params;            // of tools/call
};

struct Load {
    std::size_t clients = 0;
    std::int64_t think_ns = 0;
    double seconds = 1;
};

struct Figures {
    double answers_per_s = 0, p50_us = 0, p99_us = 0;
    std::size_t answers = 0, refused = 0, closed_unanswered = 0, failed = 0;
    std::size_t silent = 0;  // clients that got no answer at all
};

class Swarm {
  public:
    Swarm(Target target, Load load) : target_(std::move(target)), load_(load), poll_(::epoll_create1(EPOLL_CLOEXEC)), clients_(load.clients) {}
    Swarm(const Swarm&) = delete;
    Swarm& operator=(const Swarm&) = delete;

    // Connects everybody; each has asked once and been answered when this returns, or 60 s went by.
    void gather() {
        for (std::size_t i = 0; i < clients_.size(); ++i) {
            enter(i);
            if (i % 64 == 63) {
                turn(0);
            }
        }
        const std::int64_t end = tick_ns() + 60'000'000'000;
        while (tick_ns() < end && std::ranges::any_of(clients_, [](const Client& one) { return one.answers == 0 && !one.away; })) {
            turn(50);
        }
    }
    Figures run() {
        took_.clear();
        figures_ = {};
        for (Client& one : clients_) {
            one.answers = 0;
        }
        const std::int64_t start = tick_ns();
        const std::int64_t end = start + static_cast<std::int64_t>(load_.seconds * 1e9);
        while (tick_ns() < end) {
            turn(10);
        }
        const double lasted = static_cast<double>(tick_ns() - start) / 1e9;
        figures_.answers_per_s = static_cast<double>(figures_.answers) / lasted;
        std::ranges::sort(took_);
        const auto at = [&](double share) {
            return took_.empty() ? 0 : static_cast<double>(took_[static_cast<std::size_t>(share * static_cast<double>(took_.size() - 1))]) / 1e3;
        };
        figures_.p50_us = at(0.5);
        figures_.p99_us = at(0.99);
        figures_.silent = static_cast<std::size_t>(std::ranges::count_if(clients_, [](const Client& one) { return one.answers == 0; }));
        return figures_;
    }

  private:
    struct Client {
        Descriptor socket;
        std::vector<Descriptor> held;  // the link to the kernel
        std::int64_t asked = 0;
        std::size_t answers = 0;
        bool owed = false;
        bool away = false;  // refused or cut off; it comes again
        std::string input;
    };

    std::string request() {
        const std::string body = R"({"jsonrpc":"2.0","id":)" + std::to_string(++id_) + R"(,"method":"tools/call","params":)" + target_.params + "}";
        if (target_.port == 0) {
            return body + "\n";
        }
        return "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(target_.port) +
               "\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\n" +
               (target_.bearer.empty() ? "" : "Authorization: Bearer " + target_.bearer + "\r\n") +
               "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }
    void enter(std::size_t who) {
        Client& one = clients_[who];
        one.away = false;
        one.input.clear();
        if (target_.port == 0 ? !attach(one) : !connect(one)) {
            leave(who, tick_ns() + 100'000'000);
            return;
        }
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = who;
        ::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, one.socket.get(), &event);
        ask(who);
    }
    bool connect(Client& one) const {
        one.socket.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(target_.port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const int yes = 1;
        ::setsockopt(one.socket.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        return ::connect(one.socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
    // As `resonant mcp` does it: both ways over one socket, and a journal.
    bool attach(Client& one) const {
        int ends[2];
        Result<net::KernelLink> link = net::KernelLink::connect(target_.socket);
        const auto journal = net::Journal::create();
        if (!link || !journal || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
            return false;
        }
        one.socket.reset(ends[0]);
        const Descriptor theirs(ends[1]);
        const int given[] = {theirs.get(), theirs.get(), (*journal)->descriptor()};
        if (!link->send(R"({"op":"attach"})", given) || link->receive(from_seconds(30)).value_or("") != R"({"ok":true})") {
            return false;
        }
        one.held.clear();
        one.held.emplace_back(::dup(link->descriptor()));
        const std::string hello =
            R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},)"
            R"("clientInfo":{"name":"load","version":"1"}}})" "\n" R"({"jsonrpc":"2.0","method":"notifications/initialized"})" "\n";
        static_cast<void>(!::send(one.socket.get(), hello.data(), hello.size(), MSG_NOSIGNAL));
        return take_line(one);
    }
    static bool take_line(Client& one) {
        for (char bytes[4096]; one.input.find('\n') == std::string::npos;) {
            const ssize_t count = ::recv(one.socket.get(), bytes, sizeof bytes, 0);
            if (count <= 0) {
                return false;
            }
            one.input.append(bytes, static_cast<std::size_t>(count));
        }
        one.input.clear();
        return true;
    }
    void ask(std::size_t who) {
        Client& one = clients_[who];
        const std::string text = request();
        one.owed = true;
        one.asked = tick_ns();
        static_cast<void>(!::send(one.socket.get(), text.data(), text.size(), MSG_NOSIGNAL));
    }
    void leave(std::size_t who, std::int64_t until) {
        clients_[who].socket.reset();
        clients_[who].held.clear();
        clients_[who].owed = false;
        clients_[who].away = true;
        until <= tick_ns() ? again_.emplace_front(until, who) : again_.emplace_back(until, who);
    }
    void turn(int wait_ms) {
        const std::int64_t now = tick_ns();
        while (!thinking_.empty() && thinking_.front().first <= now) {
            const std::size_t who = thinking_.front().second;
            thinking_.pop_front();
            if (!clients_[who].away) {
                ask(who);
            }
        }
        for (int i = 0; i < 64 && !again_.empty() && again_.front().first <= now; ++i) {
            const std::size_t who = again_.front().second;
            again_.pop_front();
            enter(who);
        }
        wait_ms = thinking_.empty() ? wait_ms : std::min(wait_ms, static_cast<int>(std::max<std::int64_t>(thinking_.front().first - now, 0) / 1'000'000));
        epoll_event events[256];
        const int count = ::epoll_wait(poll_.get(), events, 256, wait_ms);
        for (int i = 0; i < count; ++i) {
            hear(events[i].data.u64);
        }
    }
    void hear(std::size_t who) {
        Client& one = clients_[who];
        if (one.away) {
            return;
        }
        const ssize_t count = ::recv(one.socket.get(), scratch_, sizeof scratch_, MSG_DONTWAIT);
        if (count < 0 && errno == EAGAIN) {
            return;
        }
        if (count <= 0) {
            figures_.closed_unanswered += one.owed ? 1 : 0;
            leave(who, tick_ns());
            return;
        }
        const std::string_view fresh(scratch_, static_cast<std::size_t>(count));
        if (one.input.empty() && is_whole(fresh)) {
            answered(who, fresh);
            return;
        }
        one.input.append(fresh);
        if (is_whole(one.input)) {
            const std::string whole = std::exchange(one.input, {});
            answered(who, whole);
        }
    }
    bool is_whole(std::string_view text) const {
        if (target_.port == 0) {
            return text.ends_with('\n');
        }
        const std::size_t head = text.find("\r\n\r\n");
        if (head == std::string_view::npos) {
            return false;
        }
        std::size_t at = std::min(text.find("ontent-Length: "), text.find("ontent-length: "));
        std::size_t size = 0;
        if (at < head) {
            at += 15;
            std::from_chars(text.data() + at, text.data() + head, size);
        }
        return text.size() >= head + 4 + size;
    }
    void answered(std::size_t who, std::string_view text) {
        Client& one = clients_[who];
        one.owed = false;
        if (target_.port != 0 && text.starts_with("HTTP/1.1 503")) {
            ++figures_.refused;
            leave(who, tick_ns() + 1'000'000'000);
            return;
        }
        const bool well = text.find("\"result\"") != std::string_view::npos && text.find("\"isError\":true") == std::string_view::npos;
        figures_.failed += well ? 0 : 1;
        ++figures_.answers;
        ++one.answers;
        const std::int64_t now = tick_ns();
        if (took_.size() < kSamplesMax) {
            took_.push_back(now - one.asked);
        }
        if (load_.think_ns == 0) {
            ask(who);
        } else {
            thinking_.emplace_back(now + load_.think_ns, who);
        }
    }

    static constexpr std::size_t kSamplesMax = 4'000'000;

    const Target target_;
    const Load load_;
    Descriptor poll_;
    std::vector<Client> clients_;
    std::deque<std::pair<std::int64_t, std::size_t>> thinking_;  // until when, who
    std::deque<std::pair<std::int64_t, std::size_t>> again_;     // likewise, of those who come again
    std::vector<std::int64_t> took_;
    Figures figures_;
    std::uint64_t id_ = 0;
    char scratch_[64 * 1024];
};

}  // namespace resonant::bench
