// The targets of the way in: lines over a descriptor, JSON-RPC messages, HTTP requests.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <vector>
#include <nlohmann/json.hpp>

#include "fuzz/targets.h"
#include "resonant/base/ensure.h"
#include "resonant/json/json.h"
#include "resonant/mcp/envelope.h"
#include "resonant/net/http.h"
#include "resonant/net/lines.h"
#include "resonant/net/media_type.h"

namespace resonant::fuzz {

namespace {

class Gatherer final : public net::LineSink {
  public:
    explicit Gatherer(net::Loop& loop) : loop_(loop) {}

    void line(net::LineConnection&, std::string_view line) override { lines.emplace_back(line); }
    void overlong(net::LineConnection&, std::string_view, bool) override {}
    void input_ended(net::LineConnection& from) override { from.finish(); }
    void closed(net::LineConnection&, const std::string&) override { loop_.stop(); }

    std::vector<std::string> lines;

  private:
    net::Loop& loop_;
};

std::vector<std::string> lines_of(std::string_view bytes) {
    std::vector<std::string> lines;
    while (!bytes.empty()) {
        const std::size_t end = std::min(bytes.find('\n'), bytes.size());
        std::string_view line = bytes.substr(0, end);
        line.remove_suffix(line.ends_with('\r') ? 1 : 0);
        if (!line.empty()) {
            lines.emplace_back(line);
        }
        bytes.remove_prefix(std::min(end + 1, bytes.size()));
    }
    return lines;
}

std::unique_ptr<net::Loop> new_loop() {
    auto loop = net::Loop::create();
    RESONANT_ENSURE(loop.has_value(), "the machine has descriptors");
    return std::move(*loop);
}

}  // namespace

void lines(std::string_view bytes) {
    if (bytes.empty()) {
        return;
    }
    const std::size_t piece = static_cast<unsigned char>(bytes[0]) % 32 + 1;
    bytes = bytes.substr(1, 16 * 1024);
    const auto loop = new_loop();
    int ends[2];
    RESONANT_ENSURE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
    const Descriptor ours(ends[0]);
    Gatherer sink(*loop);
    auto journal = net::Journal::create();
    RESONANT_ENSURE(journal.has_value(), "a memfd");
    auto connection = net::LineConnection::open(*loop, Descriptor(dup(ends[1])), Descriptor(ends[1]),
                                                std::move(*journal), sink);
    RESONANT_ENSURE(connection.has_value() && (*connection)->start().has_value(), "a socket is accepted");
    std::function<void(std::size_t)> feed = [&](std::size_t at) {
        if (at >= bytes.size()) {
            shutdown(ours.get(), SHUT_WR);
            return;
        }
        const std::string_view part = bytes.substr(at, piece);
        static_cast<void>(!::send(ours.get(), part.data(), part.size(), MSG_NOSIGNAL));
        loop->post([&feed, at, piece] { feed(at + piece); });
    };
    loop->post([&] { feed(0); });
    loop->run();
    RESONANT_ENSURE(sink.lines == lines_of(bytes), "however it was cut, the lines are the same");
}

void envelope(std::string_view bytes) {
    Result<Json> message = json::parse(bytes);
    if (message && message->is_array()) {
        return;
    }
    const mcp::Envelope sorted =
        message ? mcp::sort_message(std::move(*message)) : mcp::sort_unparsed(bytes, message.error());
    using Kind = mcp::Envelope::Kind;
    RESONANT_ENSURE(sorted.kind != Kind::Request || !sorted.id.empty(), "a request has an id");
    RESONANT_ENSURE(sorted.kind != Kind::Broken ||
                        ((sorted.code == mcp::kParseError || sorted.code == mcp::kInvalidRequest) && !sorted.words.empty()),
                    "what is broken has a code and a reason");
    // An id may be a number that no 64 bits hold, so a parser reads it that takes any.
    const auto answer = nlohmann::json::parse(mcp::error_text(sorted.id, mcp::kInvalidRequest, sorted.words), nullptr, false);
    RESONANT_ENSURE(answer.is_object() && answer.contains("id"), "whatever the id, the answer is JSON");
    net::media_type(bytes);
    net::accepts(bytes, "application/json");
}

void http(std::string_view bytes) {
    const auto loop = new_loop();
    std::size_t asked = 0;
    auto server = net::HttpServer::open(
        *loop,
        [&](const net::HttpRequest& request, const std::function<void(net::HttpResponse)>& give) {
            ++asked;
            give({200, "text/plain", std::string(request.path()), {}});
        },
        {.host = "127.0.0.1", .port = 0});
    RESONANT_ENSURE(server.has_value(), "a port is free");
    const Descriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    // From another address each time: thousands a second would use up the ports of one.
    static std::uint32_t clients = 0;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + clients++ % 0x10000);
    RESONANT_ENSURE(::bind(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "a port is free");
    address.sin_port = htons((*server)->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // Nobody's side of a connection is to wait for its last packets: a million of them would fill the system's table.
    const linger none{.l_onoff = 1, .l_linger = 0};
    RESONANT_ENSURE(::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &none, sizeof none) == 0, "an option of sockets");
    if (::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        RESONANT_ENSURE(errno == EADDRNOTAVAIL || errno == EADDRINUSE || errno == EINTR || errno == ETIMEDOUT,
                        std::strerror(errno));
        return;  // the system has no room, which says nothing of these bytes
    }
    static_cast<void>(!::send(client.get(), bytes.data(), std::min<std::size_t>(bytes.size(), 64 * 1024), MSG_NOSIGNAL | MSG_DONTWAIT));
    shutdown(client.get(), SHUT_WR);
    std::string answers;
    const Status watched = loop->watch(client.get(), EPOLLIN, [&](std::uint32_t) {
        char piece[4096];
        const ssize_t count = ::recv(client.get(), piece, sizeof piece, MSG_DONTWAIT);
        if (count > 0) {
            answers.append(piece, static_cast<std::size_t>(count));
        } else {
            loop->stop();
        }
    });
    RESONANT_ENSURE(watched.has_value(), "a socket can be watched");
    loop->run();
    RESONANT_ENSURE(answers.empty() || answers.starts_with("HTTP/1.1 "), "an answer is an answer");
    RESONANT_ENSURE(asked == 0 || answers.find(" 200 OK\r\n") != std::string::npos, "who is asked answers");
    loop->unwatch(client.get());
    server->reset();
}

}  // namespace resonant::fuzz
