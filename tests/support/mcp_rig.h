// An McpRig is a whole server without a kernel: the true catalogue, protocol and transports over a Door
// of the test's own, on a loop in its own thread.
//
// Construct and destroy it on the test's thread; talk to it through a Wire.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "resonant/mcp/http_front.h"
#include "resonant/mcp/kernel_front.h"
#include "resonant/tools/families.h"
#include "resonant/tools/prompt_book.h"
#include "resonant/tools/services.h"
#include "tests/support/http_client.h"
#include "tests/support/scratch.h"

namespace resonant::test {

// Answers by what the arguments ask: {"behave":"later"|"deny"|"fail"|"wait"|"progress"|"text"}; otherwise
// it tells the tool, the arguments and the caller. An unknown tool is an error without a name.
class TestDoor final : public call::Door {
  public:
    explicit TestDoor(const tools::Toolbox& toolbox) : toolbox_(toolbox) {}
    ~TestDoor() override {
        stopping_ = true;
        for (std::thread& worker : workers_) {
            worker.join();
        }
    }

    void submit(call::Request request, std::function<void(call::Reply)> done) override {
        ++calls;
        call::Reply reply;
        if (toolbox_.find(request.tool) == nullptr && toolbox_.find_family(request.tool) < 0) {
            reply.error = true;
            reply.content = {{"error", "no such tool"}, {"nearest", toolbox_.nearest(request.tool, 3)}};
            done(reply);
            return;
        }
        reply.tool = "health.check";
        const std::string behave = request.arguments.value("behave", "");
        if (behave == "later" || behave == "wait" || behave == "progress") {
            workers_.emplace_back([this, behave, request = std::move(request), done = std::move(done),
                                   reply]() mutable { work(behave, request, reply, done); });
            return;
        }
        fill(reply, request, behave);
        done(reply);
    }

    std::atomic<int> calls{0};
    std::atomic<int> cancelled{0};

  private:
    static void fill(call::Reply& reply, const call::Request& request, const std::string& behave) {
        reply.content = {{"tool", request.tool},
                         {"arguments", request.arguments},
                         {"principal", request.caller.principal},
                         {"client", request.caller.client},
                         {"role", static_cast<int>(request.caller.role)},
                         {"connection", request.caller.connection},
                         {"trace", request.trace}};
        reply.resonance = R"({"phase":"wood"})";
        if (behave == "deny") {
            reply.error = true;
            reply.content = Json::object();
            reply.denial = call::Denial{"rate_limited", "rate_limiter", "calls_per_minute", "too many calls",
                                        "wait", 1.5};
        } else if (behave == "fail") {
            reply.error = true;
            reply.content = {{"error", {{"code", "not_found"}, {"message", "no such memory"}}}};
        } else if (behave == "text") {
            reply.content = {{"text", "plain words"}, {"count", 1}};
        }
    }
    void work(const std::string& behave, const call::Request& request, call::Reply& reply,
              const std::function<void(call::Reply)>& done) {
        fill(reply, request, behave);
        if (behave == "progress" && request.progress) {
            request.progress(1, 2, "half");
        }
        while (behave == "wait" && !stopping_ && !request.cancelled->load()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        cancelled += behave == "wait" && request.cancelled->load() ? 1 : 0;
        done(reply);
    }

    const tools::Toolbox& toolbox_;
    std::vector<std::thread> workers_;
    std::atomic<bool> stopping_{false};
};

// One way to talk to the server: a line there, a line back.
class Wire {
  public:
    Wire() = default;
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;
    virtual ~Wire() = default;

    // Sends a message; nothing is said about an answer.
    virtual void send(const std::string& message) = 0;
    // The next answer; null when none comes within `seconds`.
    virtual Json receive(double seconds = 20) = 0;
    Json ask(const std::string& message) {
        send(message);
        return receive();
    }
    // True when the server answers a ping with its id, and with nothing before it.
    bool answers_ping() {
        const std::string id = "ping-" + std::to_string(++pings_);
        return ask(R"({"jsonrpc":"2.0","id":")" + id + R"(","method":"ping"})") ==
               Json{{"jsonrpc", "2.0"}, {"id", id}, {"result", Json::object()}};
    }

  private:
    int pings_ = 0;
};

class StreamWire final : public Wire {
  public:
    StreamWire(Descriptor to, Descriptor from) : to_(std::move(to)), from_(std::move(from)) {}

    void send(const std::string& message) override { send_raw(message + "\n"); }
    void send_raw(const std::string& line) {
        for (std::size_t sent = 0; sent < line.size();) {
            const ssize_t count = ::write(to_.get(), line.data() + sent, line.size() - sent);
            if (count <= 0) {
                return;
            }
            sent += static_cast<std::size_t>(count);
        }
    }
    Json receive(double seconds = 20) override {
        while (true) {
            const std::size_t end = pending_.find('\n');
            if (end != std::string::npos) {
                const Json message = Json::parse(pending_.substr(0, end));
                pending_.erase(0, end + 1);
                return message;
            }
            pollfd wait{from_.get(), POLLIN, 0};
            char bytes[65536];
            const ssize_t count = ::poll(&wait, 1, static_cast<int>(seconds * 1000)) > 0
                                      ? ::read(from_.get(), bytes, sizeof bytes)
                                      : 0;
            if (count <= 0) {
                return nullptr;
            }
            pending_.append(bytes, static_cast<std::size_t>(count));
        }
    }
    void close_input() { to_.reset(); }

  private:
    Descriptor to_;
    Descriptor from_;
    std::string pending_;
};

// Makes the headers a modern request needs out of its own text, and keeps the legacy session.
class HttpWire final : public Wire {
  public:
    HttpWire(std::uint16_t port, std::string token) : port_(port), token_(std::move(token)) {}

    HttpAnswer post(const std::string& body, const std::string& headers) {
        if (!client_) {
            client_.emplace(port_);
        }
        HttpAnswer answer = client_->ask(
            "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            "Accept: application/json, text/event-stream\r\nAuthorization: Bearer " +
            token_ + "\r\n" + headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
        if (answer.status == 0 || answer.headers.contains("Connection")) {
            client_.reset();
        }
        return answer;
    }
    void send(const std::string& message) override { last_ = post(message, headers_of(message)); }
    Json receive(double = 20) override {
        if (last_.headers.contains("Mcp-Session-Id")) {
            session_ = last_.headers.at("Mcp-Session-Id");
        }
        const Json answer = Json::parse(last_.body, nullptr, false);
        return answer.is_discarded() ? Json() : answer;
    }
    const HttpAnswer& last() const { return last_; }
    const std::string& session() const { return session_; }

  private:
    std::string headers_of(const std::string& message) const {
        const Json parsed = Json::parse(message, nullptr, false);
        const Json version = parsed.is_object() ? std::as_const(parsed)["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] : Json();
        std::string headers = session_.empty() ? "" : "Mcp-Session-Id: " + session_ + "\r\n";
        if (version.is_string()) {
            headers = "MCP-Protocol-Version: " + version.get<std::string>() + "\r\nMcp-Method: " +
                      parsed.value("method", "") + "\r\n";
            if (parsed["params"].contains("name")) {
                headers += "Mcp-Name: " + parsed["params"].value("name", "") + "\r\n";
            }
        }
        return headers;
    }

    std::uint16_t port_;
    std::string token_;
    std::optional<HttpClient> client_;
    HttpAnswer last_;
    std::string session_;
};

inline constexpr std::size_t kRigClientsMax = 32;

class McpRig {
  public:
    static constexpr const char* kToken = "a-token-of-the-test";

    // `adjust` may change what the HTTP front is opened with.
    explicit McpRig(mcp::ServerOptions options = {}, const std::function<void(mcp::HttpFrontOptions&)>& adjust = {}) : loop_(std::move(*net::Loop::create())) {
        tools::add_all(toolbox_, services_);
        door_ = std::make_unique<TestDoor>(toolbox_);
        options.prompt_book = &prompts_;
        server_ = std::make_unique<mcp::Server>(*loop_, *door_, toolbox_, clock_, random_, std::move(options));
        stdio_ = std::make_unique<mcp::StdioFront>(*loop_, *server_, random_);
        mcp::KernelFrontOptions kernel;
        kernel.path = socket();
        kernel.clients_max = kRigClientsMax;
        kernel.status = [] { return Json{{"kernel", "test"}}; };
        kernel.down = [this] { ++downs; };
        kernel.owner = [](const net::Peer&, std::string_view secret) { return secret == "the secret"; };
        kernel_ = std::move(mcp::KernelFront::open(*loop_, *door_, *stdio_, std::move(kernel)).value());
        mcp::HttpFrontOptions http;
        http.port = 0;
        http.tokens = {{kToken, {}, call::Role::Agent}, {"observer's", "watcher", call::Role::Observer}};
        http.allowed_hosts = {"swarm.example"};
        http.ready = [this] { return ready.load(); };
        http.pages = {{"/metrics", true, [](const net::HttpRequest&) {
                           return net::HttpResponse{200, "text/plain", "calls 1\n", {}};
                       }},
                      {"/", false, [](const net::HttpRequest&) { return net::HttpResponse{200, "text/html", "secret\n", {}}; },
                       "welcome\n"}};
        http.sessions_max = 4;
        http.comment_every = from_millis(20);
        if (adjust) {
            adjust(http);
        }
        http_ = std::move(mcp::HttpFront::open(*loop_, *server_, clock_, random_, std::move(http)).value());
        runner_ = std::thread([this] { loop_->run(); });
    }
    McpRig(const McpRig&) = delete;
    McpRig& operator=(const McpRig&) = delete;
    ~McpRig() {
        loop_->stop();
        runner_.join();
        http_.reset();
        kernel_.reset();
        stdio_.reset();
        door_.reset();  // its workers end before the server does
        server_.reset();
    }

    std::filesystem::path socket() const { return scratch_.path() / "kernel.sock"; }
    std::uint16_t port() const { return http_->port(); }
    TestDoor& door() { return *door_; }
    mcp::Server& server() { return *server_; }
    const tools::Toolbox& toolbox() const { return toolbox_; }

    // A client over two pipes.
    std::unique_ptr<StreamWire> pipes() {
        int in[2];
        int out[2];
        EXPECT_EQ(pipe2(in, O_CLOEXEC), 0);
        EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
        adopt(Descriptor(in[0]), Descriptor(out[1]), {});
        return std::make_unique<StreamWire>(Descriptor(in[1]), Descriptor(out[0]));
    }
    // Adopts ends as the kernel would.
    void adopt(Descriptor input, Descriptor output, Descriptor journal) {
        std::promise<bool> adopted;
        loop_->post([&] {
            mcp::Adoption adoption;
            adoption.input = std::move(input);
            adoption.output = std::move(output);
            adoption.journal = std::move(journal);
            adoption.caller.principal = "uid:1000";
            adopted.set_value(stdio_->adopt(std::move(adoption)).has_value());
        });
        EXPECT_TRUE(adopted.get_future().get());
    }
    // A client attached through the kernel's socket, as `resonant mcp` does it. `link` stays open with it.
    std::unique_ptr<StreamWire> attached(std::optional<net::KernelLink>& link) {
        int ours[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ours), 0);
        auto journal = net::Journal::create();
        EXPECT_TRUE(journal);
        auto connected = net::KernelLink::connect(socket());
        EXPECT_TRUE(connected);
        link.emplace(std::move(*connected));
        const int given[] = {ours[1], ours[1], (*journal)->descriptor()};
        EXPECT_TRUE(link->send(R"({"op":"attach"})", given));
        EXPECT_EQ(link->receive(from_seconds(20)).value(), R"({"ok":true})");
        ::close(ours[1]);
        return std::make_unique<StreamWire>(Descriptor(dup(ours[0])), Descriptor(ours[0]));
    }
    std::unique_ptr<HttpWire> http() { return std::make_unique<HttpWire>(port(), kToken); }

    std::atomic<int> downs{0};
    std::atomic<bool> ready{true};

  private:
    Scratch scratch_;
    SystemClock clock_;
    SystemRandom random_;
    tools::Services services_;
    tools::Toolbox toolbox_;
    tools::PromptBook prompts_{scratch_.path() / "prompts"};
    std::unique_ptr<net::Loop> loop_;
    std::unique_ptr<TestDoor> door_;
    std::unique_ptr<mcp::Server> server_;
    std::unique_ptr<mcp::StdioFront> stdio_;
    std::unique_ptr<mcp::KernelFront> kernel_;
    std::unique_ptr<mcp::HttpFront> http_;
    std::thread runner_;
};

}  // namespace resonant::test
