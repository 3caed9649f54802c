// A PipeServer is an MCP server over pipes in a thread of the test, in place of a child process.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "resonant/mcp/upstream_link.h"

namespace resonant::test {

// A server in a thread, over pipes: it gets each message and answers by writing lines.
class PipeServer {
  public:
    using Handler = std::function<void(PipeServer& server, const Json& message)>;

    explicit PipeServer(Handler handler) : handler_(std::move(handler)) {}
    PipeServer(const PipeServer&) = delete;
    PipeServer& operator=(const PipeServer&) = delete;
    ~PipeServer() {
        for (std::thread& one : running_) {
            one.join();
        }
    }

    mcp::StartChild start() {
        return [this](const call::UpstreamSpec&) -> Result<mcp::ChildStreams> {
            int in[2], out[2], errors[2];
            EXPECT_EQ(pipe2(in, O_CLOEXEC), 0);
            EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
            EXPECT_EQ(pipe2(errors, O_CLOEXEC), 0);
            running_.emplace_back([this, from = in[0], to = out[1], words = errors[1]] { serve(from, to, words); });
            mcp::ChildStreams streams;
            streams.input = Descriptor(in[1]);
            streams.output = Descriptor(out[0]);
            streams.errors = Descriptor(errors[0]);
            ++starts;
            return streams;
        };
    }
    void line(const std::string& text) {
        const std::string whole = text + "\n";
        for (std::size_t sent = 0; sent < whole.size();) {
            const ssize_t count = ::write(to_, whole.data() + sent, whole.size() - sent);
            if (count <= 0) {
                return;
            }
            sent += static_cast<std::size_t>(count);
        }
    }
    void note(const std::string& method, const Json& params = Json::object()) {
        line(json::dump({{"jsonrpc", "2.0"}, {"method", method}, {"params", params}}));
    }
    // Ends as a process does.
    void end() { ending_ = true; }

    std::atomic<int> starts{0};

  private:
    void serve(int from, int to, int words) {
        to_ = to;
        ending_ = false;
        std::string bytes;
        char piece[8192];
        for (ssize_t count = 1; count > 0 && !ending_;) {
            count = ::read(from, piece, sizeof piece);
            bytes.append(piece, count > 0 ? static_cast<std::size_t>(count) : 0);
            for (std::size_t end = 0; (end = bytes.find('\n')) != std::string::npos && !ending_; bytes.erase(0, end + 1)) {
                handler_(*this, Json::parse(bytes.substr(0, end)));
            }
        }
        for (const int fd : {from, to, words}) {
            ::close(fd);
        }
    }

    const Handler handler_;
    std::vector<std::thread> running_;
    std::atomic<int> to_{-1};
    std::atomic<bool> ending_{false};
};

}  // namespace resonant::test
