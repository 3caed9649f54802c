// A small blocking HTTP client for tests: sends exactly the bytes it is told, reads one answer.
//
// Belongs to one thread.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "resonant/base/descriptor.h"

namespace resonant::test {

struct HttpAnswer {
    int status = 0;  // 0: the connection ended without an answer
    std::map<std::string, std::string> headers;  // names as sent
    std::string body;
};

class HttpClient {
  public:
    explicit HttpClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        const timeval patience{20, 0};
        setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }

    bool send(std::string_view text) {
        while (!text.empty()) {
            const ssize_t count = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
            if (count <= 0) {
                return false;
            }
            text.remove_prefix(static_cast<std::size_t>(count));
        }
        return true;
    }
    void half_close() { shutdown(socket_.get(), SHUT_WR); }

    // Reads one answer; `has_body` is false for answers to HEAD.
    HttpAnswer receive(bool has_body = true) {
        std::size_t head_end = 0;
        while ((head_end = pending_.find("\r\n\r\n")) == std::string::npos) {
            if (!more()) {
                return {};
            }
        }
        HttpAnswer answer = parse_head(pending_.substr(0, head_end + 2));
        pending_.erase(0, head_end + 4);
        const auto length = answer.headers.find("Content-Length");
        const std::size_t size = length == answer.headers.end() ? 0 : std::stoul(length->second);
        while (has_body && pending_.size() < size && more()) {
        }
        answer.body = has_body ? pending_.substr(0, size) : "";
        pending_.erase(0, has_body ? size : 0);
        return answer;
    }
    HttpAnswer ask(std::string_view text) {
        send(text);
        return receive();
    }

    void close_sending() { shutdown(socket_.get(), SHUT_WR); }
    // What there is, as it came; empty at the end of the connection.
    std::string read_some() {
        if (pending_.empty()) {
            more();
        }
        return std::exchange(pending_, {});
    }

  private:
    bool more() {
        char bytes[65536];
        const ssize_t count = ::recv(socket_.get(), bytes, sizeof bytes, 0);
        pending_.append(bytes, count > 0 ? static_cast<std::size_t>(count) : 0);
        return count > 0;
    }
    static HttpAnswer parse_head(const std::string& head) {
        HttpAnswer answer;
        answer.status = std::stoi(head.substr(9, 3));
        std::size_t at = head.find("\r\n") + 2;
        while (at < head.size()) {
            const std::size_t end = head.find("\r\n", at);
            const std::size_t colon = head.find(": ", at);
            answer.headers[head.substr(at, colon - at)] = head.substr(colon + 2, end - colon - 2);
            at = end + 2;
        }
        return answer;
    }

    Descriptor socket_;
    std::string pending_;
};

}  // namespace resonant::test
