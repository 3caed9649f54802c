#include "resonant/net/http_client.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <thread>

#include "tests/support/http_client.h"

namespace resonant::net {
namespace {

// A server that does with each connection what the test says, and counts what came.
class ScriptedServer {
  public:
    // Called on a thread of its own for each connection, with its number (0, 1, ...).
    using Script = std::function<void(ScriptedServer&, int socket, int number)>;

    explicit ScriptedServer(Script script) : script_(std::move(script)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(listener_.get(), 64), 0);
        EXPECT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
        port_ = ntohs(address.sin_port);
        acceptor_ = std::thread([this] { accept_all(); });
    }
    ~ScriptedServer() {
        over_ = true;
        ::shutdown(listener_.get(), SHUT_RDWR);
        acceptor_.join();
        for (std::thread& one : lives_) {
            one.join();
        }
    }
    std::uint16_t port() const { return port_; }
    // The next whole request of a connection, counted; empty when it ended.
    std::string request(int socket) {
        std::string text;
        for (char byte = 0; !whole(text);) {
            if (!readable(socket) || ::recv(socket, &byte, 1, 0) != 1) {
                return {};
            }
            text += byte;
        }
        ++requests;
        return text;
    }
    static void say(int socket, std::string_view text) {
        static_cast<void>(!::send(socket, text.data(), text.size(), MSG_NOSIGNAL));
    }
    // Until the client closes, or the test is over.
    void wait_for_end(int socket) {
        char byte = 0;
        while (readable(socket) && ::recv(socket, &byte, 1, 0) == 1) {
        }
    }
    bool over() const { return over_; }

    std::atomic<int> requests{0};
    std::atomic<int> connections{0};

  private:
    bool readable(int socket) const {
        while (!over_) {
            pollfd wait{socket, POLLIN, 0};
            if (::poll(&wait, 1, 20) > 0) {
                return true;
            }
        }
        return false;
    }
    static bool whole(const std::string& text) {
        const std::size_t head = text.find("\r\n\r\n");
        const std::size_t length = text.find("Content-Length: ");
        return head != std::string::npos &&
               text.size() >= head + 4 + (length < head ? std::stoul(text.substr(length + 16)) : 0);
    }
    void accept_all() {
        while (!over_) {
            const int socket = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
            if (socket < 0) {
                return;
            }
            lives_.emplace_back([this, socket, number = connections++] {
                const Descriptor owned(socket);
                script_(*this, socket, number);
            });
        }
    }

    const Script script_;
    Descriptor listener_;
    std::uint16_t port_ = 0;
    std::atomic<bool> over_{false};
    std::thread acceptor_;
    std::vector<std::thread> lives_;  // of the acceptor until it ended
};

struct Outcome {
    int status = 0;
    std::string body;
    Status done;
    int heads = 0;
};

// A client on a loop of its own.
class Rig {
  public:
    explicit Rig(std::uint16_t port) : loop_(std::move(*Loop::create())) {
        const Url url = *parse_url("http://127.0.0.1:" + std::to_string(port) + "/");
        client_ = std::make_unique<HttpClient>(*loop_, url, *look_up(url));
        runner_ = std::thread([this] { loop_->run(); });
    }
    ~Rig() {
        loop_->stop();
        runner_.join();
        client_.reset();
    }
    std::future<Outcome> send(const std::string& method, const std::string& body = "", std::shared_ptr<bool> sent = {}) {
        const auto promise = std::make_shared<std::promise<Outcome>>();
        loop_->post([this, method, body, sent, promise] {
            const auto outcome = std::make_shared<Outcome>();
            client_->send({method, "/x", {}, body, sent},
                          {.head = [outcome](int status, const HttpHeaders&) { outcome->status = status, ++outcome->heads; },
                           .body = [outcome](std::string_view piece) { outcome->body.append(piece); },
                           .done = [outcome, promise](Status status) {
                               outcome->done = std::move(status);
                               promise->set_value(*outcome);
                           }});
        });
        return promise->get_future();
    }
    Outcome ask(const std::string& method, const std::string& body = "", std::shared_ptr<bool> sent = {}) {
        auto answer = send(method, body, std::move(sent));
        if (answer.wait_for(std::chrono::seconds(60)) != std::future_status::ready) {
            ADD_FAILURE() << "no end of " << method;
            return {};
        }
        return answer.get();
    }

  private:
    std::unique_ptr<Loop> loop_;
    std::unique_ptr<HttpClient> client_;
    std::thread runner_;
};

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
constexpr std::string_view kMayHave = "may have been carried out";

// Answers the first request of a connection and closes when the second one has come, unread by anybody.
void closes_under_the_second(ScriptedServer& server, int socket, int number) {
    server.request(socket);
    ScriptedServer::say(socket, kOk);
    if (number == 0) {
        server.request(socket);
        return;
    }
    for (std::string more = server.request(socket); !more.empty(); more = server.request(socket)) {
        ScriptedServer::say(socket, kOk);
    }
}

TEST(HttpClient, a_get_under_which_a_kept_connection_closes_is_sent_once_more) {
    ScriptedServer server(closes_under_the_second);
    Rig rig(server.port());
    EXPECT_EQ(rig.ask("GET").body, "ok");
    EXPECT_EQ(rig.ask("GET").body, "ok") << "on a new connection";
    EXPECT_EQ(server.requests, 3);
}

TEST(HttpClient, a_post_under_which_a_kept_connection_closes_is_never_sent_again) {
    ScriptedServer server(closes_under_the_second);
    Rig rig(server.port());
    EXPECT_EQ(rig.ask("POST", "one").body, "ok");
    const auto sent = std::make_shared<bool>(false);
    const Outcome second = rig.ask("POST", "two", sent);
    ASSERT_FALSE(second.done);
    EXPECT_EQ(second.done.error().code, Code::Unavailable);
    EXPECT_NE(second.done.error().message.find(kMayHave), std::string::npos) << second.done.error().message;
    EXPECT_TRUE(*sent);
    EXPECT_EQ(server.requests, 2) << "a tool would have run twice";
    EXPECT_EQ(rig.ask("POST", "three").body, "ok") << "the next one goes on";
}

TEST(HttpClient, a_get_is_repeated_once_and_not_for_ever) {
    ScriptedServer server([](ScriptedServer& self, int socket, int number) {
        self.request(socket);
        if (number == 0) {
            ScriptedServer::say(socket, kOk);
            self.request(socket);
        }
    });
    Rig rig(server.port());
    EXPECT_EQ(rig.ask("GET").body, "ok");
    const Outcome second = rig.ask("GET");
    ASSERT_FALSE(second.done);
    EXPECT_EQ(server.requests, 3);
}

TEST(HttpClient, a_post_on_a_connection_that_closed_while_idle_goes_to_a_new_one) {
    std::atomic<bool> closed{false};
    ScriptedServer server([&](ScriptedServer& self, int socket, int) {
        self.request(socket);
        ScriptedServer::say(socket, kOk);
        ::shutdown(socket, SHUT_RDWR);
        closed = true;
    });
    Rig rig(server.port());
    for (int i = 0; i < 20; ++i) {
        closed = false;
        EXPECT_EQ(rig.ask("POST", "x").body, "ok") << i;
        while (!closed) {
            std::this_thread::yield();
        }
    }
    EXPECT_EQ(server.requests, 20);
}

TEST(HttpClient, a_post_that_was_never_sent_says_nothing_of_having_been_carried_out) {
    std::uint16_t port = 0;
    { port = ScriptedServer([](ScriptedServer&, int, int) {}).port(); }
    Rig rig(port);
    const auto sent = std::make_shared<bool>(false);
    const Outcome refused = rig.ask("POST", "x", sent);
    ASSERT_FALSE(refused.done);
    EXPECT_EQ(refused.done.error().message.find(kMayHave), std::string::npos) << refused.done.error().message;
    EXPECT_FALSE(*sent);
}

TEST(HttpClient, a_first_connection_that_closes_without_an_answer_is_an_error_and_no_repetition) {
    ScriptedServer server([](ScriptedServer& self, int socket, int) { self.request(socket); });
    Rig rig(server.port());
    EXPECT_FALSE(rig.ask("GET").done);
    EXPECT_EQ(server.requests, 1);
}

TEST(HttpClient, what_is_no_answer_ends_the_request_with_an_error) {
    for (const std::string_view answer :
         {"hello\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
          "HTTP/1.1 20", ""}) {
        ScriptedServer server([&](ScriptedServer& self, int socket, int) {
            self.request(socket);
            ScriptedServer::say(socket, answer);
        });
        Rig rig(server.port());
        EXPECT_FALSE(rig.ask("POST", "x").done) << answer;
        EXPECT_EQ(server.requests, 1) << answer;
    }
}

TEST(HttpClient, a_head_beyond_the_limit_is_an_error) {
    ScriptedServer server([](ScriptedServer& self, int socket, int) {
        self.request(socket);
        ScriptedServer::say(socket, "HTTP/1.1 200 OK\r\nX: " + std::string(kClientHeadMax + 1'000, 'x') + "\r\n\r\n");
        self.wait_for_end(socket);
    });
    Rig rig(server.port());
    EXPECT_FALSE(rig.ask("GET").done);
}

TEST(HttpClient, an_answer_byte_by_byte_is_the_same_answer) {
    ScriptedServer server([](ScriptedServer& self, int socket, int) {
        for (std::string text = self.request(socket); !text.empty(); text = self.request(socket)) {
            for (const char c : std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")) {
                ScriptedServer::say(socket, std::string_view(&c, 1));
                std::this_thread::yield();
            }
        }
    });
    Rig rig(server.port());
    for (int i = 0; i < 3; ++i) {
        const Outcome outcome = rig.ask("GET");
        EXPECT_TRUE(outcome.done);
        EXPECT_EQ(outcome.body, "abcdefg");
        EXPECT_EQ(outcome.heads, 1);
    }
    EXPECT_EQ(server.connections, 1) << "it stays open";
}

TEST(HttpClient, an_answer_without_a_length_ends_with_its_connection) {
    ScriptedServer server([](ScriptedServer& self, int socket, int) {
        self.request(socket);
        ScriptedServer::say(socket, "HTTP/1.1 200 OK\r\n\r\nall there is");
    });
    Rig rig(server.port());
    const Outcome outcome = rig.ask("GET");
    EXPECT_TRUE(outcome.done);
    EXPECT_EQ(outcome.body, "all there is");
}

TEST(HttpClient, an_answer_that_says_close_is_followed_by_a_new_connection) {
    ScriptedServer server([](ScriptedServer& self, int socket, int) {
        self.request(socket);
        ScriptedServer::say(socket, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        self.wait_for_end(socket);
    });
    Rig rig(server.port());
    EXPECT_EQ(rig.ask("POST", "1").body, "ok");
    EXPECT_EQ(rig.ask("POST", "2").body, "ok");
    EXPECT_EQ(server.connections, 2);
}

TEST(HttpClient, more_requests_than_connections_wait_their_turn_and_are_all_answered) {
    ScriptedServer server([](ScriptedServer& self, int socket, int) {
        for (std::string text = self.request(socket); !text.empty(); text = self.request(socket)) {
            ScriptedServer::say(socket, kOk);
        }
    });
    Rig rig(server.port());
    std::vector<std::future<Outcome>> answers;
    for (std::size_t i = 0; i < 4 * kClientConnectionsMax; ++i) {
        answers.push_back(rig.send("POST", std::string(i * 5, 'x')));
    }
    for (auto& answer : answers) {
        EXPECT_EQ(answer.get().body, "ok");
    }
    EXPECT_LE(server.connections, static_cast<int>(kClientConnectionsMax));
    EXPECT_EQ(server.requests, static_cast<int>(4 * kClientConnectionsMax));
}

TEST(HttpClient, bytes_that_nobody_asked_for_end_the_connection_and_harm_nothing) {
    ScriptedServer server([](ScriptedServer& self, int socket, int) {
        self.request(socket);
        ScriptedServer::say(socket, std::string(kOk) + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
        self.wait_for_end(socket);
    });
    Rig rig(server.port());
    EXPECT_EQ(rig.ask("POST", "1").body, "ok");
    EXPECT_EQ(rig.ask("POST", "2").body, "ok") << "never the answer to nothing";
}

}  // namespace
}  // namespace resonant::net
