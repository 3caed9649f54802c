// A ScriptedHttp is an HTTP server on a loopback port whose answers a test gives. One thread a connection; a
// connection stays open until the answer says otherwise.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "resonant/json/json.h"

namespace resonant::test {

struct HttpAsked {
    std::string method, target;
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;

    std::string header(const std::string& name) const {
        const auto found = headers.find(name);
        return found == headers.end() ? "" : found->second;
    }
    Json message() const { return Json::parse(body, nullptr, false); }
};

struct HttpAnswer {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers = {};
    std::string body = {};
    bool hang_up = false;  // close without a byte
};

class ScriptedHttp {
  public:
    using Handler = std::function<HttpAnswer(const HttpAsked&)>;

    explicit ScriptedHttp(Handler handler) : handler_(std::move(handler)) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        socklen_t size = sizeof address;
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        EXPECT_EQ(::listen(listener_, 64), 0);
        accepting_ = std::thread([this] { accept_all(); });
    }
    ScriptedHttp(const ScriptedHttp&) = delete;
    ScriptedHttp& operator=(const ScriptedHttp&) = delete;
    ~ScriptedHttp() {
        stopping_ = true;
        ::shutdown(listener_, SHUT_RDWR);
        accepting_.join();
        hang_up();
        for (std::thread& one : serving_) {
            one.join();
        }
        ::close(listener_);
    }

    std::string url(const std::string& target = "/mcp") const { return "http://127.0.0.1:" + std::to_string(port_) + target; }
    // Closes every connection, as a server that ends does.
    void hang_up() {
        const std::lock_guard lock(mutex_);
        for (const int fd : open_) {
            ::shutdown(fd, SHUT_RDWR);
        }
    }

  private:
    void accept_all() {
        while (!stopping_) {
            const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (fd < 0) {
                return;
            }
            const std::lock_guard lock(mutex_);
            open_.push_back(fd);
            serving_.emplace_back([this, fd] { serve(fd); });
        }
    }
    void serve(int fd) {
        std::string bytes;
        HttpAsked asked;
        while (!stopping_ && read_one(fd, bytes, asked)) {
            const HttpAnswer answer = handler_(asked);
            if (answer.hang_up) {
                break;
            }
            std::string text = "HTTP/1.1 " + std::to_string(answer.status) + " X\r\nContent-Length: " +
                               std::to_string(answer.body.size()) + "\r\n";
            for (const auto& [name, value] : answer.headers) {
                text += name + ": " + value + "\r\n";
            }
            text += "\r\n" + answer.body;
            if (::send(fd, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size())) {
                break;
            }
        }
        const std::lock_guard lock(mutex_);
        std::erase(open_, fd);
        ::close(fd);
    }
    static bool read_one(int fd, std::string& bytes, HttpAsked& asked) {
        std::size_t end = 0;
        while ((end = bytes.find("\r\n\r\n")) == std::string::npos) {
            if (!more(fd, bytes)) {
                return false;
            }
        }
        asked = {};
        std::size_t at = bytes.find("\r\n");
        const std::string first = bytes.substr(0, at);
        asked.method = first.substr(0, first.find(' '));
        asked.target = first.substr(asked.method.size() + 1, first.rfind(' ') - asked.method.size() - 1);
        while (at < end) {
            const std::size_t next = bytes.find("\r\n", at + 2);
            const std::string line = bytes.substr(at + 2, next - at - 2);
            std::string name = line.substr(0, line.find(':'));
            for (char& c : name) {
                c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            }
            asked.headers[name] = line.size() > name.size() + 2 ? line.substr(name.size() + 2) : "";
            at = next;
        }
        const std::size_t length = asked.headers.contains("content-length") ? std::stoul(asked.headers["content-length"]) : 0;
        while (bytes.size() < end + 4 + length) {
            if (!more(fd, bytes)) {
                return false;
            }
        }
        asked.body = bytes.substr(end + 4, length);
        bytes.erase(0, end + 4 + length);
        return true;
    }
    static bool more(int fd, std::string& bytes) {
        char piece[8192];
        const ssize_t count = ::recv(fd, piece, sizeof piece, 0);
        bytes.append(piece, count > 0 ? static_cast<std::size_t>(count) : 0);
        return count > 0;
    }

    const Handler handler_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::vector<int> open_;             // under mutex_
    std::vector<std::thread> serving_;  // grows under mutex_; joined when nothing is accepted any more
    std::thread accepting_;
};

}  // namespace resonant::test
