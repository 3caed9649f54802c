#include "resonant/net/http.h"

#include <gtest/gtest.h>

#include <mutex>
#include <set>
#include <thread>

#include "tests/support/http_client.h"

namespace resonant::net {
namespace {

using test::HttpAnswer;
using test::HttpClient;

// A server that echoes method, path and body; "/later" is answered by another thread, "/never" not.
class Http : public testing::Test {
  protected:
    void SetUp() override { open({}); }
    void open(HttpServerOptions options) {
        close();
        auto loop = Loop::create();
        ASSERT_TRUE(loop);
        loop_ = std::move(*loop);
        options.port = 0;
        auto server = HttpServer::open(
            *loop_, [this](HttpRequest request, auto give) { handle(std::move(request), std::move(give)); },
            options);
        ASSERT_TRUE(server) << server.error().message;
        server_ = std::move(*server);
        runner_ = std::thread([this] { loop_->run(); });
    }
    void close() {
        if (runner_.joinable()) {
            loop_->stop();
            runner_.join();
        }
        if (worker_.joinable()) {
            worker_.join();
        }
        server_.reset();
    }
    void TearDown() override { close(); }
    void handle(HttpRequest request, std::function<void(HttpResponse)> give) {
        HttpResponse response{200, "text/plain", request.method + " " + request.target + " " + request.body, {}};
        if (request.path() == "/stream") {
            response.stream = std::make_shared<HttpStream>();
            response.body.clear();
            give(response);
            response.stream->write("one");
            response.stream->write("two");
            response.stream->end();
        } else if (request.path() == "/never") {
            const std::lock_guard<std::mutex> guard(mutex_);
            gone_ = request.gone;
        } else if (request.path() == "/later") {
            worker_ = std::thread([give, response] { give(response); });
        } else {
            give(response);
        }
    }
    HttpAnswer ask(std::string_view text) { return HttpClient(server_->port()).ask(text); }

    std::unique_ptr<Loop> loop_;
    std::unique_ptr<HttpServer> server_;
    std::thread runner_;
    std::thread worker_;
    bool never_is_gone() {
        const std::lock_guard<std::mutex> guard(mutex_);
        return gone_ && gone_->load();
    }

    std::mutex mutex_;
    std::shared_ptr<std::atomic<bool>> gone_;  // under mutex_
};

TEST_F(Http, answers_a_request_cut_into_single_bytes) {
    HttpClient client(server_->port());
    for (const char c : std::string("POST /x?q=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")) {
        ASSERT_TRUE(client.send(std::string_view(&c, 1)));
    }
    const HttpAnswer answer = client.receive();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "POST /x?q=1 abc");
}

TEST_F(Http, keeps_the_connection_and_the_order_of_pipelined_requests) {
    HttpClient client(server_->port());
    std::string text;
    for (int i = 0; i < 5; ++i) {
        text += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
    }
    ASSERT_TRUE(client.send(text));
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(client.receive().body, "GET /" + std::to_string(i) + " ");
    }
}

TEST_F(Http, overlooks_an_empty_line_before_a_request) {
    EXPECT_EQ(ask("\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n").body, "GET /a ");
    EXPECT_EQ(ask("\r\n\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n").status, 400) << "one, not any number of them";
    HttpClient client(server_->port());
    ASSERT_TRUE(client.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT_EQ(client.receive().body, "GET /a ");
    EXPECT_EQ(client.receive().body, "GET /b ") << "as after a body with a line end too many";
}

TEST_F(Http, an_empty_line_is_overlooked_however_it_is_cut) {
    for (const auto& [text, status] : {std::pair<std::string, int>{"\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n", 200},
                                       {"\r\n\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
                                       {"\rGET /a HTTP/1.1\r\nHost: h\r\n\r\n", 400}}) {
        EXPECT_EQ(ask(text).status, status) << text;
        HttpClient client(server_->port());
        for (const char c : text) {
            client.send(std::string_view(&c, 1));
            std::this_thread::sleep_for(std::chrono::microseconds(300));  // so that each comes alone
        }
        EXPECT_EQ(client.receive().status, status) << "byte by byte: " << text;
    }
}

TEST_F(Http, an_old_client_that_asks_for_it_is_told_that_the_connection_stays) {
    HttpClient client(server_->port());
    for (const char* path : {"/a", "/b"}) {
        ASSERT_TRUE(client.send(std::string("GET ") + path + " HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
        const HttpAnswer answer = client.receive();
        EXPECT_EQ(answer.body, std::string("GET ") + path + " ");
        EXPECT_EQ(answer.headers.at("Connection"), "keep-alive");
    }
    EXPECT_EQ(ask("GET /a HTTP/1.0\r\n\r\n").headers.at("Connection"), "close");
}

TEST_F(Http, an_old_client_gets_a_stream_that_is_not_chunked) {
    HttpClient client(server_->port());
    ASSERT_TRUE(client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    std::string all;
    for (std::string some = client.read_some(); !some.empty(); some = client.read_some()) {
        all += some;
    }
    EXPECT_EQ(all.find("chunked"), std::string::npos) << all;
    EXPECT_TRUE(all.ends_with("\r\n\r\nonetwo")) << all;
}

TEST_F(Http, takes_a_chunked_body) {
    EXPECT_EQ(ask("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")
                  .body,
              "POST / abcdefg");
}

TEST_F(Http, another_thread_may_answer) {
    EXPECT_EQ(ask("GET /later HTTP/1.1\r\nHost: h\r\n\r\n").body, "GET /later ");
}

TEST_F(Http, an_answer_to_head_has_no_body) {
    HttpClient client(server_->port());
    ASSERT_TRUE(client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT_EQ(client.receive(false).headers.at("Content-Length"), "7");
    EXPECT_EQ(client.receive().body, "GET /2 ");
}

TEST_F(Http, asks_for_the_body_that_waits_for_a_word) {
    HttpClient client(server_->port());
    ASSERT_TRUE(client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
    EXPECT_EQ(client.receive().status, 100);
    ASSERT_TRUE(client.send("ok"));
    EXPECT_EQ(client.receive().body, "POST / ok");
}

TEST_F(Http, a_body_beyond_the_limit_is_413_even_while_it_is_still_coming) {
    HttpClient client(server_->port());
    ASSERT_TRUE(client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10485760\r\n\r\n"));
    ASSERT_TRUE(client.send(std::string(10 << 20, 'x')));
    EXPECT_EQ(client.receive().status, 413);
    EXPECT_EQ(ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").status, 200);
}

TEST_F(Http, a_chunked_body_beyond_the_limit_is_413) {
    HttpClient client(server_->port());
    ASSERT_TRUE(client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"));
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(client.send("100000\r\n" + std::string(1 << 20, 'x') + "\r\n"));
    }
    EXPECT_EQ(client.receive().status, 413);
}

TEST_F(Http, a_head_beyond_the_limit_is_431) {
    EXPECT_EQ(ask("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(20'000, 'y') + "\r\n\r\n").status, 431);
}

TEST_F(Http, garbage_is_400_and_the_server_lives) {
    for (const char* text : {"hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\x16\x03\x01\x02\r\n\r\n",
                             "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                             "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"}) {
        EXPECT_EQ(ask(text).status, 400) << text;
    }
    EXPECT_EQ(ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").status, 200);
}

TEST_F(Http, a_client_that_goes_away_is_told_to_the_worker) {
    {
        HttpClient client(server_->port());
        ASSERT_TRUE(client.send("GET /never HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n"));
        ASSERT_EQ(ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").status, 200) << "others are served meanwhile";
    }
    while (!never_is_gone()) {
        std::this_thread::yield();
    }
}

TEST_F(Http, half_requests_and_idle_connections_end) {
    HttpServerOptions options;
    options.request_patience = from_millis(50);
    options.idle_patience = from_millis(50);
    open(options);
    HttpClient half(server_->port());
    HttpClient idle(server_->port());
    ASSERT_TRUE(half.send("POST / HTTP/1.1\r\nHost:"));
    EXPECT_EQ(half.receive().status, 408);
    EXPECT_EQ(idle.receive().status, 0);
}

std::string head_of_large(std::size_t bytes) {
    return "POST /large HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n";
}

// Takes all the room there is for large bodies: each has sent more than a small one, and not all.
std::vector<std::unique_ptr<HttpClient>> fill_the_room(std::uint16_t port) {
    std::vector<std::unique_ptr<HttpClient>> clients;
    for (std::size_t taken = 0; taken < kHttpLargeMax; taken += kHttpBodyMax) {
        clients.push_back(std::make_unique<HttpClient>(port));
        EXPECT_TRUE(clients.back()->send(head_of_large(kHttpBodyMax) + std::string(2 * kHttpSmallMax, 'x')));
    }
    return clients;
}

TEST_F(Http, more_large_bodies_than_there_is_room_for_wait_and_are_all_answered) {
    auto clients = fill_the_room(server_->port());
    std::vector<std::jthread> senders;
    std::atomic<int> answered{0};
    for (int i = 0; i < 3; ++i) {
        senders.emplace_back([&] {
            HttpClient client(server_->port());
            const HttpAnswer answer = client.ask(head_of_large(kHttpBodyMax) + std::string(kHttpBodyMax, 'y'));
            answered += answer.status == 200 && answer.body.size() > kHttpBodyMax ? 1 : 0;
        });
    }
    EXPECT_EQ(ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok").status, 200)
        << "small ones are not held up";
    for (auto& client : clients) {
        ASSERT_TRUE(client->send(std::string(kHttpBodyMax - 2 * kHttpSmallMax, 'x')));
        EXPECT_EQ(client->receive().status, 200);
    }
    senders.clear();
    EXPECT_EQ(answered, 3);
}

TEST_F(Http, a_client_that_goes_away_leaves_its_room_to_who_waits) {
    auto clients = fill_the_room(server_->port());
    std::jthread leaving([&] { clients.clear(); });
    EXPECT_EQ(ask(head_of_large(kHttpBodyMax) + std::string(kHttpBodyMax, 'y')).status, 200);
}

TEST_F(Http, who_waits_for_room_in_vain_is_told) {
    HttpServerOptions options;
    options.request_patience = from_millis(50);
    open(options);
    auto clients = fill_the_room(server_->port());
    HttpClient late(server_->port());
    ASSERT_TRUE(late.send(head_of_large(kHttpBodyMax) + std::string(2 * kHttpSmallMax, 'y')));
    std::multiset<int> told{late.receive().status};
    for (auto& client : clients) {
        told.insert(client->receive().status);
    }
    EXPECT_EQ(told, (std::multiset<int>{408, 408, 408, 408, 503}));
}

HttpServerOptions limited(std::size_t connections, std::size_t memory = kHttpMemoryMax) {
    HttpServerOptions options;
    options.limits = {.connections_max = connections, .memory_max = memory, .connections_setting = "the connections' setting",
                      .memory_setting = "the memory's setting"};
    return options;
}

TEST_F(Http, beyond_the_limit_the_newcomer_is_refused_in_words_and_nobody_else_is_closed) {
    open(limited(20));
    std::vector<std::unique_ptr<HttpClient>> here;
    for (int i = 0; i < 20; ++i) {
        here.push_back(std::make_unique<HttpClient>(server_->port()));
        EXPECT_EQ(here.back()->ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").status, 200);
    }
    for (int i = 0; i < 50; ++i) {
        const HttpAnswer refused = ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
        EXPECT_EQ(refused.status, 503);
        EXPECT_EQ(refused.headers.at("Retry-After"), "1");
        EXPECT_EQ(refused.headers.at("Connection"), "close");
        EXPECT_EQ(refused.body,
                  R"({"error":{"code":"overloaded","limited":"connections","limit":20,"setting":"the connections' setting",)"
                  R"("retry_after_s":1,"message":"20 connections are open, which is the limit; try again after 1 s, or raise )"
                  R"(the connections' setting"}})");
    }
    for (auto& client : here) {
        EXPECT_EQ(client->ask("GET /again HTTP/1.1\r\nHost: h\r\n\r\n").body, "GET /again ");
    }
    here.pop_back();
    int status = 503;
    while (status == 503) {  // until the server has seen that one went
        status = ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").status;
    }
    EXPECT_EQ(status, 200);
}

TEST_F(Http, a_refused_client_that_sends_a_large_request_first_still_reads_why) {
    open(limited(1));
    HttpClient here(server_->port());
    EXPECT_EQ(here.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").status, 200);
    HttpClient late(server_->port());
    late.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" + std::string(1'000'000, 'x'));
    EXPECT_EQ(late.receive().status, 503);
}

TEST_F(Http, while_memory_is_short_requests_are_refused_and_connections_stay) {
    open(limited(100, 200'000));
    HttpClient here(server_->port());
    EXPECT_EQ(here.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").status, 200);
    HttpClient large(server_->port());
    ASSERT_TRUE(large.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n" + std::string(250'000, 'x')));
    HttpAnswer refused;
    while (refused.status != 503) {  // until the server has read what the other one sent
        refused = here.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    EXPECT_NE(refused.body.find("the memory's setting"), std::string::npos) << refused.body;
    EXPECT_EQ(ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").status, 503) << "a newcomer, too";
    ASSERT_TRUE(large.send(std::string(50'000, 'x')));
    large.receive();
    int status = 503;
    while (status == 503) {
        status = here.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").status;
    }
    EXPECT_EQ(status, 200) << "the same connection, once there is room";
}

TEST_F(Http, an_idle_connection_holds_no_buffers_after_large_requests) {
    HttpClient client(server_->port());
    ASSERT_EQ(client.ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n" + std::string(60'000, 'x')).status, 200);
    std::size_t held = SIZE_MAX;
    for (int i = 0; held > 12'000 && i < 1'000; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        std::atomic<bool> looked{false};
        loop_->post([&] {
            held = server_->held_bytes();
            looked = true;
        });
        while (!looked) {
            std::this_thread::yield();
        }
    }
    EXPECT_LE(held, 12'000u);
}

TEST_F(Http, requests_that_came_before_the_client_closed_its_side_are_all_answered) {
    HttpClient client(server_->port());
    std::string text;
    for (int i = 0; i < 3'000; ++i) {
        text += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\nX: " + std::string(100, 'x') + "\r\n\r\n";
    }
    text += "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n";
    std::jthread writer([&] {
        client.send(text);
        client.close_sending();
    });
    for (int i = 0; i < 3'000; ++i) {
        ASSERT_EQ(client.receive().body, "GET /" + std::to_string(i) + " ");
    }
    EXPECT_EQ(client.receive().status, 200);
}

TEST_F(Http, an_address_that_is_taken_is_named) {
    HttpServerOptions options;
    options.port = server_->port();
    const auto second = HttpServer::open(*loop_, [](HttpRequest, auto) {}, options);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::Unavailable);
    EXPECT_NE(second.error().message.find(std::to_string(options.port)), std::string::npos);
}

}  // namespace
}  // namespace resonant::net
