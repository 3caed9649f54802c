// One server behind this one, over HTTP and over pipes: its handshake, its sessions, its calls. The servers are the
// test's own, so that each forgets, lies or falls silent just when it should.
#include "resonant/mcp/upstream.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "tests/support/pipe_server.h"
#include "tests/support/scripted_http.h"

namespace resonant::mcp {
namespace {

using test::PipeServer;

constexpr auto kPatience = std::chrono::seconds(30);  // a bound, never a measure

std::string result_of(const Json& id, const Json& result) { return json::dump({{"jsonrpc", "2.0"}, {"id", id}, {"result", result}}); }
std::string error_of(const Json& id, int code, const std::string& words) {
    return json::dump({{"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", code}, {"message", words}}}});
}

Json hello(const Json& more = Json::object()) {
    Json result = {{"protocolVersion", "2025-11-25"}, {"capabilities", {{"tools", {{"listChanged", true}}}}},
                   {"serverInfo", {{"name", "scripted"}, {"version", "1"}}}};
    result.update(more);
    return result;
}

Json some_tools() { return Json::array({{{"name", "act"}, {"inputSchema", {{"type", "object"}}}}}); }

// An Upstream on a loop of its own.
class Rig {
  public:
    explicit Rig(call::UpstreamSpec spec, StartChild start = {}) : loop_(std::move(*net::Loop::create())) {
        upstream_ = std::make_unique<Upstream>(
            Upstream::Needs{.loop = *loop_, .clock = clock, .random = random_, .start_child = std::move(start),
                            .elsewhere = [this](std::function<void()> work) {
                                const std::lock_guard lock(mutex_);
                                workers_.emplace_back(std::move(work));
                                return true;
                            },
                            .fill_in = {}, .version = "1", .kernel = "this kernel"},
            std::move(spec),
            Upstream::Events{.listed = [this](Upstream::Reading read) {
                                 const std::lock_guard lock(mutex_);
                                 lists.push_back(std::move(read));
                             },
                             .offered = [](call::UpstreamOffer::Kind, const Upstream::Reading&) {}, .changed = [] {}});
        runner_ = std::thread([this] { loop_->run(); });
        loop_->post([this] { upstream_->open(); });
    }
    template <typename Work>
    auto on_loop(Work work) {
        std::promise<decltype(work())> done;
        loop_->post([&] { done.set_value(work()); });
        return done.get_future().get();
    }
    Rig(const Rig&) = delete;
    Rig& operator=(const Rig&) = delete;
    ~Rig() {
        on_loop([this] {
            upstream_->close("the test is over");
            upstream_.reset();
            return 0;
        });
        loop_->stop();
        runner_.join();
        for (std::thread& one : workers_) {
            one.join();
        }
    }

    Upstream::State state() { return on_loop([this] { return upstream_->state(); }); }
    Json facts() { return on_loop([this] { return upstream_->facts(); }); }
    bool reaches(Upstream::State wanted) {
        const auto until = std::chrono::steady_clock::now() + kPatience;
        while (state() != wanted && std::chrono::steady_clock::now() < until) {
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        return state() == wanted;
    }
    std::size_t lists_read() {
        const std::lock_guard lock(mutex_);
        return lists.size();
    }

    using Reply = Result<call::UpstreamReply>;
    std::future<Reply> call(const std::string& name = "act", std::shared_ptr<call::Client> client = nullptr) {
        auto tool = std::make_shared<call::UpstreamTool>();
        tool->server = "it";
        tool->tool = name;
        auto one = std::make_shared<call::Call>();
        one->arguments = Json::object();
        one->caller.principal = "uid:1";
        one->client = std::move(client);
        one->progress = [this](double, double, const std::string&) { ++progressed; };
        const auto promise = std::make_shared<std::promise<Reply>>();
        loop_->post([this, tool, one, promise] {
            upstream_->call(tool, one, [promise](Reply reply) { promise->set_value(std::move(reply)); });
        });
        return promise->get_future();
    }
    static Reply wait(std::future<Reply>& future) {
        if (future.wait_for(kPatience) != std::future_status::ready) {
            ADD_FAILURE() << "no answer came";
            return fail(Code::Internal, "no answer came");
        }
        return future.get();
    }
    Reply answer(const std::string& name = "act") {
        auto future = call(name);
        return wait(future);
    }
    void check() {
        std::promise<void> done;
        loop_->post([&] { upstream_->check([&] { done.set_value(); }); });
        done.get_future().wait();
    }

    ManualClock clock;
    std::atomic<int> progressed{0};
    std::vector<Upstream::Reading> lists;  // under mutex_

  private:
    SeededRandom random_{1};
    std::unique_ptr<net::Loop> loop_;
    std::unique_ptr<Upstream> upstream_;
    std::mutex mutex_;
    std::vector<std::thread> workers_;
    std::thread runner_;
};

// --- by HTTP -------------------------------------------------------------------------------------------

// A legacy server with sessions, which may be told to forget them.
struct Forgetful {
    std::atomic<int> handshakes{0}, acted{0}, refused{0}, held{0};
    std::atomic<int> session{1};        // what it knows
    std::atomic<int> refuse_with{400};  // the status for a session it does not know
    std::atomic<bool> in_words{false};  // refuses by a JSON-RPC error with status 200
    std::atomic<bool> out_of_order{false};  // refuses every handshake
    std::promise<void> release;
    std::shared_future<void> released{release.get_future()};

    test::HttpAnswer operator()(const test::HttpAsked& asked) {
        const Json message = asked.message();
        if (asked.method != "POST" || !message.is_object()) {
            return {.status = 405};
        }
        const Json id = message.value("id", Json());
        const std::string method = message.value("method", "");
        const auto json = [](std::string body, int status = 200) {
            return test::HttpAnswer{.status = status, .headers = {{"Content-Type", "application/json"}}, .body = std::move(body)};
        };
        if (method == "server/discover") {
            return json(error_of(id, -32601, "method not found"));
        }
        if (method == "initialize") {
            if (out_of_order) {
                return json(error_of(id, -32603, "out of order"), 500);
            }
            ++handshakes;
            test::HttpAnswer answer = json(result_of(id, hello()));
            answer.headers.emplace_back("Mcp-Session-Id", "s" + std::to_string(session));
            return answer;
        }
        if (asked.header("mcp-session-id") != "s" + std::to_string(session)) {
            ++refused;
            return json(error_of(id, -32000, "Bad Request: No valid session ID provided"), in_words ? 200 : refuse_with.load());
        }
        if (id.is_null()) {
            return {.status = 202};
        }
        const std::string name = message["params"].value("name", "");
        if (method == "tools/call" && name == "hold") {
            ++held;
            released.wait();
            return {.hang_up = true};
        }
        if (method == "tools/call" && name == "wrong") {
            return json(error_of(id, -32602, "no such argument"), 400);
        }
        if (method == "tools/call") {
            ++acted;
            return json(result_of(id, {{"content", Json::array({{{"type", "text"}, {"text", "done"}}})}}));
        }
        return json(result_of(id, method == "tools/list" ? Json{{"tools", some_tools()}} : Json::object()));
    }
    void forget() { ++session; }
};

call::UpstreamSpec by_http(const std::string& url) {
    call::UpstreamSpec spec;
    spec.name = "it";
    spec.url = url;
    spec.timeout_s = 20;
    return spec;
}

TEST(UpstreamSession, a_server_that_forgot_it_is_met_anew_and_the_refused_call_is_carried_out_once) {
    for (const auto& [status, in_words] : {std::pair(400, false), std::pair(404, false), std::pair(410, false), std::pair(200, true)}) {
        Forgetful server;
        server.refuse_with = status;
        server.in_words = in_words;
        test::ScriptedHttp http([&](const test::HttpAsked& asked) { return server(asked); });
        Rig rig(by_http(http.url()));
        ASSERT_TRUE(rig.reaches(Upstream::State::Ready));
        EXPECT_TRUE(rig.answer().has_value());
        server.forget();
        const auto reply = rig.answer();
        ASSERT_TRUE(reply.has_value()) << status << ": " << reply.error().message;
        EXPECT_EQ(server.acted, 2) << status;
        EXPECT_EQ(server.handshakes, 2) << status;
        server.release.set_value();
    }
}

TEST(UpstreamSession, calls_refused_together_are_all_carried_out_once) {
    Forgetful server;
    test::ScriptedHttp http([&](const test::HttpAsked& asked) { return server(asked); });
    Rig rig(by_http(http.url()));
    ASSERT_TRUE(rig.reaches(Upstream::State::Ready));
    server.forget();
    std::vector<std::future<Rig::Reply>> calls;
    for (int i = 0; i < 8; ++i) {
        calls.push_back(rig.call());
    }
    int well = 0;
    for (auto& one : calls) {
        const auto reply = Rig::wait(one);
        well += reply ? 1 : 0;
        EXPECT_TRUE(reply || reply.error().message.find("may have been carried out") != std::string::npos);
    }
    EXPECT_EQ(server.acted, well) << "one that failed was carried out, or one was carried out twice";
    EXPECT_GE(well, 1);
    server.release.set_value();
}

TEST(UpstreamSession, a_call_that_may_have_been_carried_out_is_never_sent_again) {
    Forgetful server;
    test::ScriptedHttp http([&](const test::HttpAsked& asked) { return server(asked); });
    Rig rig(by_http(http.url()));
    ASSERT_TRUE(rig.reaches(Upstream::State::Ready));
    auto held = rig.call("hold");
    while (server.held == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    server.forget();
    EXPECT_TRUE(rig.answer().has_value());
    const auto lost = Rig::wait(held);
    ASSERT_FALSE(lost.has_value());
    EXPECT_NE(lost.error().message.find("may have been carried out"), std::string::npos) << lost.error().message;
    server.release.set_value();
    EXPECT_TRUE(rig.answer().has_value());
    EXPECT_EQ(server.held, 1);
}

TEST(UpstreamSession, a_refusal_of_the_call_itself_reaches_its_caller_and_changes_nothing) {
    Forgetful server;
    test::ScriptedHttp http([&](const test::HttpAsked& asked) { return server(asked); });
    Rig rig(by_http(http.url()));
    ASSERT_TRUE(rig.reaches(Upstream::State::Ready));
    const auto reply = rig.answer("wrong");
    ASSERT_FALSE(reply.has_value());
    EXPECT_NE(reply.error().message.find("no such argument"), std::string::npos);
    EXPECT_EQ(server.handshakes, 1);
    EXPECT_EQ(rig.state(), Upstream::State::Ready);
    server.release.set_value();
}

TEST(UpstreamSession, a_lost_one_is_noticed_by_the_look_and_a_server_that_takes_no_handshake_is_down) {
    Forgetful server;
    test::ScriptedHttp http([&](const test::HttpAsked& asked) { return server(asked); });
    Rig rig(by_http(http.url()));
    ASSERT_TRUE(rig.reaches(Upstream::State::Ready));
    rig.clock.advance(from_seconds(60));
    rig.check();
    EXPECT_EQ(rig.state(), Upstream::State::Ready) << "nothing was lost";
    server.forget();
    server.out_of_order = true;
    rig.clock.advance(from_seconds(60));
    rig.check();
    EXPECT_NE(rig.state(), Upstream::State::Ready);
    ASSERT_TRUE(rig.reaches(Upstream::State::Waiting));
    server.out_of_order = false;
    ASSERT_TRUE(rig.reaches(Upstream::State::Ready));
    server.release.set_value();
}

TEST(UpstreamHttp, an_answer_with_another_id_ends_the_call_at_once) {
    Forgetful server;
    test::ScriptedHttp http([&](const test::HttpAsked& asked) {
        test::HttpAnswer answer = server(asked);
        Json message = Json::parse(answer.body, nullptr, false);
        if (asked.message().is_object() && asked.message().value("method", "") == "tools/call") {
            message["id"] = 999'999;
            answer.body = json::dump(message);
        }
        return answer;
    });
    Rig rig(by_http(http.url()));
    ASSERT_TRUE(rig.reaches(Upstream::State::Ready));
    const auto reply = rig.answer();
    ASSERT_FALSE(reply.has_value());
    EXPECT_NE(reply.error().message.find("another id"), std::string::npos) << reply.error().message;
    EXPECT_EQ(rig.facts()["stray_answers"], 1);
    server.release.set_value();
}

TEST(UpstreamHttp, redirects_are_followed_at_the_same_place_and_nowhere_else) {
    Forgetful server;
    std::atomic<int> elsewhere{0};
    test::ScriptedHttp other([&](const test::HttpAsked&) {
        ++elsewhere;
        return test::HttpAnswer{.status = 500};
    });
    std::atomic<int> status{307};
    std::string location = "/mcp/";
    test::ScriptedHttp http([&](const test::HttpAsked& asked) {
        return asked.target == "/mcp" ? test::HttpAnswer{.status = status, .headers = {{"Location", location}}}
               : asked.target == "/mcp/" ? server(asked)
                                         : test::HttpAnswer{.status = 307, .headers = {{"Location", asked.target + "x"}}};
    });
    for (const int kind : {307, 308}) {
        status = kind;
        Rig rig(by_http(http.url()));
        ASSERT_TRUE(rig.reaches(Upstream::State::Ready)) << kind;
        EXPECT_TRUE(rig.answer().has_value());
    }
    EXPECT_EQ(server.acted, 2);
    for (const auto& [kind, where, words] : {std::tuple(307, other.url(), "another place"), std::tuple(302, std::string("/mcp/"), "takes"),
                                             std::tuple(307, std::string("/loop"), "in a row"),
                                             std::tuple(307, std::string("https://127.0.0.1/mcp"), "another place")}) {
        status = kind;
        location = where;
        Rig rig(by_http(http.url()));
        ASSERT_TRUE(rig.reaches(Upstream::State::Waiting)) << where;
        const std::string why = rig.facts()["last_error"];
        EXPECT_NE(why.find(kind == 302 ? "GET" : words), std::string::npos) << why;
    }
    EXPECT_EQ(elsewhere, 0) << "a request with our headers went to another place";
    server.release.set_value();
}

TEST(UpstreamHttp, a_server_that_is_this_kernel_is_refused_for_good) {
    Forgetful server;
    test::ScriptedHttp http([&](const test::HttpAsked& asked) {
        test::HttpAnswer answer = server(asked);
        if (asked.message().is_object() && asked.message().value("method", "") == "initialize") {
            answer.body = result_of(asked.message()["id"], hello({{"_meta", {{"resonant/kernel", "this kernel"}}}}));
        }
        return answer;
    });
    Rig rig(by_http(http.url()));
    ASSERT_TRUE(rig.reaches(Upstream::State::Refused));
    EXPECT_NE(rig.facts()["last_error"].get<std::string>().find("this very kernel"), std::string::npos);
    const auto reply = rig.answer();
    ASSERT_FALSE(reply.has_value());
    EXPECT_EQ(rig.lists_read(), 0U);
    server.release.set_value();
}

// --- over pipes ----------------------------------------------------------------------------------------

call::UpstreamSpec by_pipes() {
    call::UpstreamSpec spec;
    spec.name = "it";
    spec.command = {"it"};
    spec.era = "legacy";
    spec.timeout_s = 20;
    return spec;
}

// What every server of these tests does alike; true when that was all.
bool greet(PipeServer& server, const Json& message) {
    const std::string method = message.value("method", "");
    if (method == "initialize") {
        server.line(result_of(message["id"], hello()));
    } else if (method == "tools/list") {
        server.line(result_of(message["id"], {{"tools", some_tools()}}));
    }
    return method != "tools/call";
}

Json done_text(const std::string& text) { return {{"content", Json::array({{{"type", "text"}, {"text", text}}})}}; }

TEST(UpstreamPipes, numbers_that_come_back_as_text_and_errors_without_one_find_their_call) {
    int calls = 0;
    PipeServer server([&](PipeServer& it, const Json& message) {
        if (!greet(it, message)) {
            it.line(++calls == 1 ? result_of(std::to_string(message["id"].get<int>()), done_text("as text"))
                                 : error_of(Json(), -32700, "cannot be read"));
        }
    });
    Rig rig(by_pipes(), server.start());
    ASSERT_TRUE(rig.reaches(Upstream::State::Ready));
    const auto first = rig.answer();
    ASSERT_TRUE(first.has_value()) << first.error().message;
    EXPECT_EQ(first->blocks[0]["text"], "as text");
    const auto second = rig.answer();
    ASSERT_FALSE(second.has_value());
    EXPECT_NE(second.error().message.find("cannot be read"), std::string::npos);
}

TEST(UpstreamPipes, noise_half_a_message_and_a_line_without_end_cost_no_call) {
    PipeServer server([&](PipeServer& it, const Json& message) {
        if (!greet(it, message)) {
            it.line("Server listening on stdio");
            it.line("{\"jsonrpc\":\"2.0\",");
            it.line("[1,2,3]");
            it.line("\"" + std::string(5'000'000, 'x') + "\"");
            it.line(result_of(message["id"], done_text("still there")));
        }
    });
    Rig rig(by_pipes(), server.start());
    ASSERT_TRUE(rig.reaches(Upstream::State::Ready));
    const auto reply = rig.answer();
    ASSERT_TRUE(reply.has_value()) << reply.error().message;
    EXPECT_EQ(reply->blocks[0]["text"], "still there");
    EXPECT_EQ(server.starts, 1);
}

TEST(UpstreamPipes, a_call_that_tells_of_progress_lives_and_one_that_does_not_ends) {
    std::promise<void> asked;
    std::atomic<int> token{-1};
    PipeServer server([&](PipeServer& it, const Json& message) {
        if (!greet(it, message)) {
            token = message["params"]["_meta"]["progressToken"].get<int>();
            asked.set_value();
        }
    });
    Rig rig(by_pipes(), server.start());
    ASSERT_TRUE(rig.reaches(Upstream::State::Ready));
    auto call = rig.call();
    asked.get_future().wait();
    for (int i = 1; i <= 5; ++i) {  // 75 s in all, of a limit of 20
        server.note("notifications/progress", {{"progressToken", token.load()}, {"progress", i}});
        while (rig.progressed < i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        rig.clock.advance(from_seconds(15));
        std::this_thread::sleep_for(std::chrono::milliseconds(60));  // a sweep may see it
        ASSERT_EQ(call.wait_for(std::chrono::seconds(0)), std::future_status::timeout) << "it was ended though it worked";
    }
    rig.clock.advance(from_seconds(30));
    const auto reply = Rig::wait(call);
    ASSERT_FALSE(reply.has_value());
    EXPECT_EQ(reply.error().code, Code::Timeout);
}

TEST(UpstreamPipes, progress_prolongs_a_call_by_an_hour_at_most) {
    std::promise<void> asked;
    std::atomic<int> token{-1};
    PipeServer server([&](PipeServer& it, const Json& message) {
        if (!greet(it, message)) {
            token = message["params"]["_meta"]["progressToken"].get<int>();
            asked.set_value();
        }
    });
    Rig rig(by_pipes(), server.start());
    ASSERT_TRUE(rig.reaches(Upstream::State::Ready));
    auto call = rig.call();
    asked.get_future().wait();
    Nanos waited{0};
    while (waited < kProgressMost + from_seconds(60)) {
        const int before = rig.progressed;
        server.note("notifications/progress", {{"progressToken", token.load()}, {"progress", 1}});
        while (rig.progressed == before && call.wait_for(std::chrono::milliseconds(1)) == std::future_status::timeout) {
        }
        if (rig.progressed == before) {
            break;  // it was ended
        }
        rig.clock.advance(from_seconds(15));
        waited = waited + from_seconds(15);
    }
    const auto reply = Rig::wait(call);
    ASSERT_FALSE(reply.has_value());
    EXPECT_EQ(reply.error().code, Code::Timeout);
    EXPECT_GE(waited, kProgressMost - from_seconds(15));
}

TEST(UpstreamPipes, entries_beyond_the_limit_and_pages_without_end_are_counted) {
    bool endless = false;
    PipeServer server([&](PipeServer& it, const Json& message) {
        if (message.value("method", "") != "tools/list") {
            greet(it, message);
            return;
        }
        const int page = std::stoi(message["params"].value("cursor", "0"));
        Json tools = Json::array();
        for (int i = 0; i < 500; ++i) {
            tools.push_back({{"name", "t" + std::to_string(500 * page + i)}, {"inputSchema", {{"type", "object"}}}});
        }
        Json result = {{"tools", tools}};
        if (page < 2 || endless) {
            result["nextCursor"] = endless ? "0" : std::to_string(page + 1);
        }
        it.line(result_of(message["id"], result));
    });
    {
        Rig rig(by_pipes(), server.start());
        ASSERT_TRUE(rig.reaches(Upstream::State::Ready));
        EXPECT_EQ(rig.lists[0].entries.size(), call::kUpstreamToolsMax);
        EXPECT_EQ(rig.lists[0].beyond, 1500 - call::kUpstreamToolsMax);
        EXPECT_FALSE(rig.lists[0].unfinished);
    }
    endless = true;
    Rig rig(by_pipes(), server.start());
    ASSERT_TRUE(rig.reaches(Upstream::State::Ready));
    EXPECT_TRUE(rig.lists[0].unfinished);
}

TEST(UpstreamPipes, a_storm_of_changes_is_a_few_readings) {
    std::atomic<int> lists{0};
    PipeServer server([&](PipeServer& it, const Json& message) {
        lists += message.value("method", "") == "tools/list" ? 1 : 0;
        if (!greet(it, message)) {
            for (int i = 0; i < 3'000; ++i) {
                it.note("notifications/tools/list_changed");
            }
            it.line(result_of(message["id"], done_text("done")));
        }
    });
    Rig rig(by_pipes(), server.start());
    ASSERT_TRUE(rig.reaches(Upstream::State::Ready));
    EXPECT_TRUE(rig.answer().has_value());
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (rig.lists_read() < 2 && std::chrono::steady_clock::now() < until) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_GE(lists, 2);
    EXPECT_LE(lists, 100) << "of 3,000 changes";
}

// Answers when it is let.
class SlowClient final : public call::Client {
  public:
    bool can(std::string_view) const override { return true; }
    Result<std::vector<Json>> ask(const std::vector<call::Question>& questions) override {
        asked.set_value();
        may.get_future().wait();
        return std::vector<Json>(questions.size(), Json::object());
    }
    void log(call::LogLevel, std::string_view, const Json&) override {}
    void release(Nanos) override {}
    std::promise<void> asked, may;
};

TEST(UpstreamPipes, a_server_that_dies_while_it_asks_costs_the_caller_one_answer_and_no_more) {
    PipeServer server([&](PipeServer& it, const Json& message) {
        if (!greet(it, message)) {
            it.line(json::dump({{"jsonrpc", "2.0"}, {"id", "q"}, {"method", "elicitation/create"}, {"params", {{"message", "?"}}}}));
        } else if (message.value("method", "") == "notifications/die") {
            it.end();
        }
    });
    const auto client = std::make_shared<SlowClient>();
    Rig rig(by_pipes(), server.start());
    ASSERT_TRUE(rig.reaches(Upstream::State::Ready));
    auto call = rig.call("act", client);
    client->asked.get_future().wait();
    auto other = rig.call();  // a second message, after which it ends
    server.end();
    rig.call();
    const auto reply = Rig::wait(call);
    ASSERT_FALSE(reply.has_value());
    EXPECT_NE(reply.error().message.find("may have been carried out"), std::string::npos) << reply.error().message;
    client->may.set_value();  // its answer comes too late, and harms nothing
    ASSERT_TRUE(rig.reaches(Upstream::State::Ready));
    EXPECT_EQ(server.starts, 2);
}

TEST(UpstreamPipes, a_modern_server_that_dies_while_its_question_is_answered_costs_one_answer_too) {
    PipeServer server([&](PipeServer& it, const Json& message) {
        const std::string method = message.value("method", "");
        if (method == "server/discover") {
            it.line(result_of(message["id"], {{"resultType", "complete"}, {"supportedVersions", Json::array({"2026-07-28"})}, {"capabilities", {{"tools", Json::object()}}}}));
        } else if (method == "tools/list") {
            it.line(result_of(message["id"], {{"tools", some_tools()}}));
        } else if (method == "tools/call" && message["params"]["name"] == "end") {
            it.end();
        } else if (method == "tools/call") {
            it.line(result_of(message["id"], {{"resultType", "input_required"}, {"requestState", "s"},
                                              {"inputRequests", {{"a", {{"method", "elicitation/create"}, {"params", {{"message", "?"}}}}}}}}));
        }
    });
    const auto client = std::make_shared<SlowClient>();
    call::UpstreamSpec spec = by_pipes();
    spec.era = "modern";
    Rig rig(spec, server.start());
    ASSERT_TRUE(rig.reaches(Upstream::State::Ready));
    auto call = rig.call("act", client);
    client->asked.get_future().wait();
    auto last = rig.call("end");
    EXPECT_FALSE(Rig::wait(last).has_value());
    const auto reply = Rig::wait(call);
    ASSERT_FALSE(reply.has_value());
    client->may.set_value();
    ASSERT_TRUE(rig.reaches(Upstream::State::Ready));
}

}  // namespace
}  // namespace resonant::mcp
