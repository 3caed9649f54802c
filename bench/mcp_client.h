// The clients of the protocol's benchmarks: an MCP server over the pipes of a child process, and one over
// HTTP connections that stay open. They write and read whole messages and parse nothing but ends.
//
// Belongs to one thread. Any failure ends the benchmark with words.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "bench/home.h"

namespace resonant::bench {

inline constexpr const char* kInitialize =
    R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25",)"
    R"("capabilities":{},"clientInfo":{"name":"bench","version":"1"}}})";
inline constexpr const char* kInitialized = R"({"jsonrpc":"2.0","method":"notifications/initialized"})";

// A child process and the pipes to it. Ended and waited for with the object.
class Child {
  public:
    // `with_pipes`: its stdin and stdout are ours, else they are /dev/null.
    Child(const std::vector<std::string>& command, bool with_pipes) {
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        int in[2] = {-1, -1}, out[2] = {-1, -1};
        if (with_pipes) {
            if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) {
                give_up("no pipe could be made");
            }
            posix_spawn_file_actions_adddup2(&actions, in[0], 0);
            posix_spawn_file_actions_adddup2(&actions, out[1], 1);
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
            posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
        }
        std::vector<char*> words;
        for (const std::string& word : command) {
            words.push_back(const_cast<char*>(word.c_str()));
        }
        words.push_back(nullptr);
        if (::posix_spawn(&pid_, words[0], &actions, nullptr, words.data(), environ) != 0) {
            give_up(command[0] + " could not be started; build it with ./dev build");
        }
        posix_spawn_file_actions_destroy(&actions);
        if (with_pipes) {
            ::close(in[0]);
            ::close(out[1]);
            to = in[1];
            from = out[0];
        }
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        if (to >= 0) {
            ::close(to);  // an MCP server leaves at the end of its input
            ::close(from);
        } else {
            ::kill(pid_, SIGTERM);
        }
        ::waitpid(pid_, nullptr, 0);
    }
    pid_t pid() const { return pid_; }

    int to = -1;
    int from = -1;

  private:
    pid_t pid_ = 0;
};

class StdioClient {
  public:
    explicit StdioClient(const std::vector<std::string>& command) : child_(command, true) {
        ask(kInitialize);
        send(kInitialized);
    }

    void send(std::string_view message) {
        const std::string line = std::string(message) + "\n";
        for (std::size_t done = 0; done < line.size();) {
            const ssize_t count = ::write(child_.to, line.data() + done, line.size() - done);
            if (count <= 0) {
                give_up("the server closed its input");
            }
            done += static_cast<std::size_t>(count);
        }
    }
    // The next line; valid until the next call.
    std::string_view receive() {
        input_.erase(0, taken_);
        taken_ = 0;
        for (std::size_t from = 0;;) {
            if (const std::size_t end = input_.find('\n', from); end != std::string::npos) {
                taken_ = end + 1;
                return std::string_view(input_).substr(0, end);
            }
            from = input_.size();
            input_.resize(from + 65'536);
            const ssize_t count = ::read(child_.from, input_.data() + from, 65'536);
            if (count <= 0) {
                give_up("the server closed its output");
            }
            input_.resize(from + static_cast<std::size_t>(count));
        }
    }
    std::string_view ask(std::string_view message) {
        send(message);
        return receive();
    }
    pid_t pid() const { return child_.pid(); }

  private:
    Child child_;
    std::string input_;
    std::size_t taken_ = 0;
};

// One HTTP/1.1 connection that stays open; answers carry Content-Length.
class HttpClient {
  public:
    HttpClient(int port, std::string bearer) : port_(port), bearer_(std::move(bearer)) {
        socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const int yes = 1;
        ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;
    ~HttpClient() { ::close(socket_); }
    bool connected() const { return connected_; }

    void send(std::string_view body) {
        std::string text = "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port_) +
                           "\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
                           "MCP-Protocol-Version: 2025-11-25\r\n";
        if (!bearer_.empty()) {
            text += "Authorization: Bearer " + bearer_ + "\r\n";
        }
        if (!session_.empty()) {
            text += "Mcp-Session-Id: " + session_ + "\r\n";
        }
        text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
        text += body;
        if (::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size())) {
            give_up("the HTTP server closed the connection");
        }
    }
    // The body of the next answer; valid until the next call.
    std::string_view receive() {
        input_.erase(0, taken_);
        taken_ = 0;
        std::size_t head = std::string::npos;
        while ((head = input_.find("\r\n\r\n")) == std::string::npos) {
            more();
        }
        head += 4;
        const std::size_t size = length(std::string_view(input_).substr(0, head));
        while (input_.size() < head + size) {
            more();
        }
        taken_ = head + size;
        return std::string_view(input_).substr(head, size);
    }
    std::string_view ask(std::string_view body) {
        send(body);
        return receive();
    }

  private:
    void more() {
        char block[16'384];
        const ssize_t count = ::recv(socket_, block, sizeof block, 0);
        if (count <= 0) {
            give_up("the HTTP server closed the connection");
        }
        input_.append(block, static_cast<std::size_t>(count));
    }
    // Content-Length, and the session on the way.
    std::size_t length(std::string_view head) {
        std::size_t found = 0;
        for (std::size_t from = 0; from < head.size();) {
            const std::size_t end = head.find("\r\n", from);
            std::string line(head.substr(from, end - from));
            const std::size_t colon = line.find(':');
            for (std::size_t i = 0; i < std::min(colon, line.size()); ++i) {
                line[i] = static_cast<char>(std::tolower(static_cast<unsigned char>(line[i])));
            }
            if (line.starts_with("content-length: ")) {
                std::from_chars(line.data() + 16, line.data() + line.size(), found);
            } else if (line.starts_with("mcp-session-id: ")) {
                session_ = line.substr(16);
            }
            from = end + 2;
        }
        return found;
    }

    int port_;
    std::string bearer_;
    int socket_ = -1;
    bool connected_ = false;
    std::string session_;
    std::string input_;
    std::size_t taken_ = 0;
};

}  // namespace resonant::bench
