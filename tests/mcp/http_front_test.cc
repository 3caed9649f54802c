#include "resonant/mcp/http_front.h"

#include <gtest/gtest.h>

#include "tests/support/mcp_rig.h"

namespace resonant::mcp {
namespace {

using test::HttpAnswer;
using test::HttpClient;
using test::McpRig;

const std::string kPing = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";

class HttpFrontTest : public testing::Test {
  protected:
    explicit HttpFrontTest(const std::function<void(HttpFrontOptions&)>& adjust = {}) : rig_({}, adjust) {}
    // POST /mcp with these headers beside Content-Length, and Content-Type where it is not among them.
    HttpAnswer post(const std::string& body, const std::string& headers, const std::string& path = "/mcp") {
        const bool typed = headers.find("Content-Type") != std::string::npos;
        return HttpClient(rig_.port())
            .ask("POST " + path + " HTTP/1.1\r\n" + headers + (typed ? "" : "Content-Type: application/json\r\n") +
                 "Content-Length: " + std::to_string(body.size()) +
                 "\r\n\r\n" + body);
    }
    HttpAnswer get(const std::string& path, const std::string& headers = "Host: localhost\r\n") {
        return HttpClient(rig_.port()).ask("GET " + path + " HTTP/1.1\r\n" + headers + "\r\n");
    }
    static std::string good(const std::string& more = "") {
        return std::string("Host: 127.0.0.1:7370\r\nAuthorization: Bearer ") + McpRig::kToken + "\r\n" + more;
    }
    static std::string modern(const std::string& method, const std::string& name = "") {
        return good("MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: " + method + "\r\n" +
                    (name.empty() ? "" : "Mcp-Name: " + name + "\r\n"));
    }
    static std::string modern_call(const std::string& name) {
        return R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":)" + name +
               R"(,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
               R"("io.modelcontextprotocol/clientCapabilities":{}}}})";
    }
    std::string begin(const std::string& token = McpRig::kToken) {
        const HttpAnswer answer =
            post(R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25"}})",
                 "Host: localhost\r\nAuthorization: Bearer " + token + "\r\n");
        EXPECT_EQ(answer.status, 200);
        return answer.headers.at("Mcp-Session-Id");
    }

    McpRig rig_;
};

TEST_F(HttpFrontTest, foreign_hosts_and_origins_are_refused) {
    const std::string token = std::string("Authorization: Bearer ") + McpRig::kToken + "\r\n";
    EXPECT_EQ(post(kPing, token + "Host: evil.example\r\n").status, 403);
    EXPECT_EQ(post(kPing, token + "Host: 127.0.0.1.evil.example\r\n").status, 403);
    EXPECT_EQ(post(kPing, token).status, 400) << "no Host at all";
    EXPECT_EQ(post(kPing, good("Origin: http://evil.example\r\n")).status, 403);
    EXPECT_EQ(post(kPing, good("Origin: null\r\n")).status, 403);
    EXPECT_EQ(post(kPing, good("Origin: http://localhost.evil.example\r\n")).status, 403);
    EXPECT_EQ(get("/healthz", "Host: evil.example\r\n").status, 403) << "checked on every page";
}

TEST_F(HttpFrontTest, loopback_and_configured_names_are_served) {
    const std::string token = std::string("Authorization: Bearer ") + McpRig::kToken + "\r\n";
    for (const char* host : {"localhost", "localhost:7370", "127.0.0.1:1", "[::1]:7370", "swarm.example"}) {
        EXPECT_EQ(post(kPing, token + "Host: " + host + "\r\n").status, 200) << host;
        EXPECT_EQ(post(kPing, good(std::string("Origin: http://") + host + "\r\n")).status, 200) << host;
    }
}

TEST_F(HttpFrontTest, never_allows_another_origin_to_read) {
    const HttpAnswer answer = post(kPing, good("Origin: http://localhost:3000\r\n"));
    EXPECT_FALSE(answer.headers.contains("Access-Control-Allow-Origin"));
}

TEST_F(HttpFrontTest, a_token_is_needed) {
    const HttpAnswer none = post(kPing, "Host: localhost\r\n");
    EXPECT_EQ(none.status, 401);
    EXPECT_NE(none.headers.at("WWW-Authenticate").find("Bearer"), std::string::npos);
    for (const char* wrong : {"Bearer ", "Bearer wrong", "Bearer a-token-of-the-tesT", "Basic a-token-of-the-test",
                              "a-token-of-the-test"}) {
        EXPECT_EQ(post(kPing, std::string("Host: localhost\r\nAuthorization: ") + wrong + "\r\n").status, 401)
            << wrong;
    }
}

TEST_F(HttpFrontTest, the_token_says_who_calls) {
    const std::string text =
        R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"health_check","arguments":{"role":"owner"}}})";
    const Json agent = Json::parse(post(text, good()).body)["result"]["structuredContent"];
    EXPECT_TRUE(agent["principal"].get<std::string>().starts_with("token:"));
    EXPECT_EQ(agent["principal"].get<std::string>().find(McpRig::kToken), std::string::npos);
    EXPECT_EQ(agent["connection"], 0);
    const Json watcher = Json::parse(
        post(text, "Host: localhost\r\nAuthorization: Bearer observer's\r\n").body)["result"]["structuredContent"];
    EXPECT_EQ(watcher["principal"], "watcher");
    EXPECT_EQ(watcher["role"], static_cast<int>(call::Role::Observer));
}

TEST_F(HttpFrontTest, other_methods_and_types_are_told_what_is_served) {
    const HttpAnswer stream = get("/mcp", good("Accept: text/event-stream\r\n"));
    EXPECT_EQ(stream.status, 405);
    EXPECT_EQ(stream.headers.at("Allow"), "GET, POST, DELETE");
    EXPECT_EQ(post(kPing, good("Content-Type: text/plain\r\n")).status, 415);
    EXPECT_EQ(post(kPing, good("Accept: text/html\r\n")).status, 406);
    EXPECT_EQ(post(kPing, good("Accept: */*\r\n")).status, 200);
    EXPECT_EQ(post(kPing, good(), "/mcp/nothing").status, 404);
    EXPECT_EQ(get("/elsewhere").status, 404);
}

TEST_F(HttpFrontTest, pages_need_no_token_when_they_are_open) {
    EXPECT_EQ(get("/healthz").body, R"({"status":"ok"})");
    EXPECT_EQ(get("/metrics").body, "calls 1\n");
    EXPECT_EQ(get("/readyz").status, 200);
    rig_.ready = false;
    EXPECT_EQ(get("/readyz").status, 503);
}

TEST_F(HttpFrontTest, another_listing_is_a_path) {
    const std::string list = R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})";
    const auto size_of = [&](const char* path) { return Json::parse(post(list, good(), path).body)["result"]["tools"].size(); };
    EXPECT_EQ(size_of("/mcp/all"), rig_.toolbox().tools().size());
    EXPECT_LT(size_of("/mcp/core"), size_of("/mcp/all"));
    EXPECT_EQ(size_of("/mcp"), rig_.toolbox().built_families());
}

TEST_F(HttpFrontTest, notifications_are_accepted_without_a_body) {
    const HttpAnswer answer = post(R"({"jsonrpc":"2.0","method":"notifications/initialized"})", good());
    EXPECT_EQ(answer.status, 202);
    EXPECT_EQ(answer.body, "");
}

TEST_F(HttpFrontTest, what_cannot_be_read_is_400) {
    EXPECT_EQ(post("{", good()).status, 400);
    EXPECT_EQ(post("[]", good()).status, 400);
    EXPECT_EQ(post("", good()).status, 400);
}

TEST_F(HttpFrontTest, a_session_begins_with_initialize_and_ends_with_delete) {
    const std::string id = begin();
    EXPECT_EQ(id.find('.'), 32U) << "128 bits in hexadecimal come first";
    EXPECT_NE(id, begin());
    EXPECT_EQ(post(kPing, good("Mcp-Session-Id: " + id + "\r\n")).status, 200);
    const std::string end = "DELETE /mcp HTTP/1.1\r\n" + good("Mcp-Session-Id: " + id + "\r\n") + "\r\n";
    EXPECT_EQ(HttpClient(rig_.port()).ask(end).status, 204);
    EXPECT_EQ(post(kPing, good("Mcp-Session-Id: " + id + "\r\n")).status, 404);
    EXPECT_EQ(HttpClient(rig_.port()).ask(end).status, 404);
}

TEST_F(HttpFrontTest, what_two_readers_could_take_differently_is_refused) {
    const std::string id = begin();
    EXPECT_EQ(post(kPing, good("Mcp-Session-Id: " + id + "\r\nMcp-Session-Id: another\r\n")).status, 400);
    EXPECT_EQ(post(kPing, good("Mcp-Session-Id: " + id + "\r\nMcp-Session-Id: " + id + "\r\n")).status, 200);
    EXPECT_EQ(post(kPing, good("Content-Type: application/json\r\nContent-Type: text/plain\r\n")).status, 400);
    EXPECT_EQ(post(kPing, good("Authorization: Bearer another\r\n")).status, 400);
    const HttpAnswer twice = post(modern_call(R"("health_check")"), modern("tools/call", "health_check") + "Mcp-Name: other\r\n");
    EXPECT_EQ(twice.status, 400);
    EXPECT_EQ(Json::parse(twice.body)["error"]["code"], -32020);
    EXPECT_EQ(post(kPing, good("Accept: text/html\r\nAccept: application/json\r\n")).status, 200) << "a list in two parts";
}

TEST_F(HttpFrontTest, the_modern_era_knows_no_sessions) {
    EXPECT_EQ(post(modern_call(R"("health_check")"), modern("tools/call", "health_check") + "Mcp-Session-Id: whatever\r\n").status, 200);
}

TEST_F(HttpFrontTest, a_session_does_not_exist_for_anybody_else) {
    const std::string id = begin();
    const std::string other = "Host: localhost\r\nAuthorization: Bearer observer's\r\nMcp-Session-Id: " + id + "\r\n";
    EXPECT_EQ(post(kPing, other).status, 404);
    EXPECT_EQ(HttpClient(rig_.port()).ask("DELETE /mcp HTTP/1.1\r\n" + other + "\r\n").status, 404);
    EXPECT_EQ(post(kPing, good("Mcp-Session-Id: " + id + "\r\n")).status, 200);
}

TEST_F(HttpFrontTest, one_session_too_many_is_refused_in_words_and_those_that_are_used_stay) {
    std::vector<std::string> ids;
    for (int i = 0; i < 4; ++i) {
        ids.push_back(begin());
    }
    const HttpAnswer refused =
        post(R"({"jsonrpc":"2.0","id":7,"method":"initialize","params":{"protocolVersion":"2025-11-25"}})", good());
    EXPECT_EQ(refused.status, 503);
    EXPECT_TRUE(refused.headers.contains("Retry-After"));
    EXPECT_FALSE(refused.headers.contains("Mcp-Session-Id"));
    const Json body = Json::parse(refused.body);
    EXPECT_EQ(body["id"], 7);
    EXPECT_EQ(body["error"]["data"]["setting"], "http.sessions_max");
    EXPECT_EQ(body["error"]["data"]["limit"], 4);
    for (const std::string& id : ids) {
        EXPECT_EQ(post(kPing, good("Mcp-Session-Id: " + id + "\r\n")).status, 200);
    }
}

// Every session is idle at once here, so that newcomers have them parked.
class HttpFrontParking : public HttpFrontTest {
  protected:
    HttpFrontParking() : HttpFrontTest([](HttpFrontOptions& http) { http.session_idle = Nanos{0}; }) {}
};

TEST_F(HttpFrontParking, a_session_that_made_room_goes_on_with_its_next_request) {
    const std::string first = begin();
    for (int i = 0; i < 9; ++i) {
        begin();
    }
    EXPECT_EQ(post(kPing, good("Mcp-Session-Id: " + first + "\r\n")).status, 200) << "it was parked, not ended";
    const std::string other = "Host: localhost\r\nAuthorization: Bearer observer's\r\nMcp-Session-Id: " + first + "\r\n";
    for (int i = 0; i < 9; ++i) {
        begin();
    }
    EXPECT_EQ(post(kPing, other).status, 404) << "somebody else's, parked or not";
    const std::string end = "DELETE /mcp HTTP/1.1\r\n" + good("Mcp-Session-Id: " + first + "\r\n") + "\r\n";
    EXPECT_EQ(HttpClient(rig_.port()).ask(end).status, 204);
    EXPECT_EQ(post(kPing, good("Mcp-Session-Id: " + first + "\r\n")).status, 404) << "what was ended stays ended";
}

TEST_F(HttpFrontParking, a_session_whose_stream_is_read_is_never_parked) {
    std::vector<std::unique_ptr<HttpClient>> readers;
    for (int i = 0; i < 4; ++i) {
        readers.push_back(std::make_unique<HttpClient>(rig_.port()));
        readers.back()->send("GET /mcp HTTP/1.1\r\n" + good("Accept: text/event-stream\r\nMcp-Session-Id: " + begin() + "\r\n") + "\r\n");
        ASSERT_NE(readers.back()->read_some(), "");
    }
    EXPECT_EQ(post(R"({"jsonrpc":"2.0","id":7,"method":"initialize","params":{"protocolVersion":"2025-11-25"}})", good()).status, 503);
    readers.pop_back();
    int status = 503;
    while (status == 503) {  // until the server has seen that one went
        status = post(R"({"jsonrpc":"2.0","id":7,"method":"initialize","params":{"protocolVersion":"2025-11-25"}})", good()).status;
    }
    EXPECT_EQ(status, 200);
}

class HttpFrontCors : public HttpFrontTest {
  protected:
    HttpFrontCors() : HttpFrontTest([](HttpFrontOptions& http) { http.cors_origins = {"https://app.example"}; }) {}
    HttpAnswer preflight(const std::string& origin, const std::string& headers) {
        return HttpClient(rig_.port())
            .ask("OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\nOrigin: " + origin + "\r\nAccess-Control-Request-Method: POST\r\n" +
                 "Access-Control-Request-Headers: " + headers + "\r\n\r\n");
    }
};

TEST_F(HttpFrontCors, a_preflight_of_a_named_origin_is_answered_without_a_token) {
    const HttpAnswer answer = preflight("https://app.example", "authorization, mcp-param-region,x-evil");
    EXPECT_EQ(answer.status, 204);
    EXPECT_EQ(answer.headers.at("Access-Control-Allow-Origin"), "https://app.example");
    EXPECT_EQ(answer.headers.at("Vary"), "Origin");
    const std::string& allowed = answer.headers.at("Access-Control-Allow-Headers");
    for (const char* header : {"authorization", "content-type", "mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name",
                               "last-event-id", "mcp-param-region"}) {
        EXPECT_NE(allowed.find(header), std::string::npos) << header << " in " << allowed;
    }
    EXPECT_EQ(allowed.find("x-evil"), std::string::npos);
    EXPECT_FALSE(answer.headers.contains("Access-Control-Allow-Credentials"));
}

TEST_F(HttpFrontCors, a_page_of_a_named_origin_may_read_answers_and_errors) {
    const HttpAnswer good_one = post(kPing, good("Origin: https://app.example\r\n"));
    EXPECT_EQ(good_one.status, 200);
    EXPECT_EQ(good_one.headers.at("Access-Control-Allow-Origin"), "https://app.example");
    EXPECT_NE(good_one.headers.at("Access-Control-Expose-Headers").find("Mcp-Session-Id"), std::string::npos);
    const HttpAnswer denied = post(kPing, "Host: localhost\r\nOrigin: https://app.example\r\n");
    EXPECT_EQ(denied.status, 401);
    EXPECT_EQ(denied.headers.at("Access-Control-Allow-Origin"), "https://app.example");
}

TEST_F(HttpFrontCors, origins_are_compared_letter_for_letter) {
    for (const char* origin : {"https://app.example.evil.example", "http://app.example", "https://app.example:444", "https://sub.app.example",
                               "null", "*", "https://app.example/", "https://user@app.example"}) {
        const HttpAnswer answer = preflight(origin, "authorization");
        EXPECT_EQ(answer.status, 403) << origin;
        EXPECT_FALSE(answer.headers.contains("Access-Control-Allow-Origin")) << origin;
        EXPECT_NE(answer.body.find("cors_origins"), std::string::npos) << answer.body;
    }
    EXPECT_FALSE(post(kPing, good("Origin: http://localhost:5173\r\n")).headers.contains("Access-Control-Allow-Origin"));
}

TEST_F(HttpFrontTest, no_origin_may_read_answers_until_one_is_named) {
    const HttpAnswer answer = HttpClient(rig_.port())
                                  .ask("OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost:5173\r\n"
                                       "Access-Control-Request-Method: POST\r\n\r\n");
    EXPECT_EQ(answer.status, 403);
    EXPECT_NE(answer.body.find("cors_origins of [http] in resonant.toml"), std::string::npos) << answer.body;
}

TEST(CrossOrigin, only_what_a_browser_sends_is_an_origin) {
    EXPECT_EQ(*origin_of("https://App.Example"), "https://app.example");
    EXPECT_EQ(*origin_of("http://localhost:5173"), "http://localhost:5173");
    EXPECT_EQ(*origin_of("http://[::1]:8080"), "http://[::1]:8080");
    for (const char* wrong : {"*", "null", "app.example", "https://", "https://app.example/", "https://*.example", "ftp://app.example",
                              "https://app.example/x", "https://u@app.example", "https://app.example:port"}) {
        EXPECT_FALSE(origin_of(wrong)) << wrong;
    }
}

TEST_F(HttpFrontTest, a_person_without_a_token_is_told_what_this_is_and_a_program_is_refused) {
    const HttpAnswer person = get("/");
    EXPECT_EQ(person.status, 200);
    EXPECT_NE(person.body.find("welcome"), std::string::npos);
    EXPECT_EQ(person.body.find("secret"), std::string::npos);
    EXPECT_EQ(get("/", "Host: localhost\r\nAuthorization: Bearer wrong\r\n").status, 401);
    EXPECT_NE(get("/", good()).body.find("secret"), std::string::npos);
}

TEST_F(HttpFrontTest, every_open_stream_gets_comments_so_that_nobody_gives_it_up) {
    const auto waits_for_comment = [](HttpClient& client) {
        std::string seen;
        while (seen.find("\n:") == std::string::npos) {
            const std::string some = client.read_some();
            ASSERT_FALSE(some.empty()) << seen;
            seen += some;
        }
    };
    HttpClient standing(rig_.port());
    standing.send("GET /mcp HTTP/1.1\r\n" + good("Accept: text/event-stream\r\nMcp-Session-Id: " + begin() + "\r\n") + "\r\n");
    waits_for_comment(standing);
    HttpClient listening(rig_.port());
    const std::string body = R"({"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},)"
                             R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}})";
    listening.send("POST /mcp HTTP/1.1\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n" +
                   modern("subscriptions/listen") + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    waits_for_comment(listening);
}

TEST_F(HttpFrontTest, a_call_is_cancelled_through_its_session) {
    const std::string session = "Mcp-Session-Id: " + begin() + "\r\n";
    HttpClient caller(rig_.port());
    const std::string body =
        R"({"jsonrpc":"2.0","id":"w","method":"tools/call","params":{"name":"health_check","arguments":{"behave":"wait"}}})";
    caller.send("POST /mcp HTTP/1.1\r\nContent-Type: application/json\r\n" + good(session) + "Content-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body);
    while (rig_.door().calls == 0) {
        std::this_thread::yield();
    }
    EXPECT_EQ(post(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"w"}})",
                   good(session))
                  .status,
              202);
    EXPECT_EQ(caller.receive().status, 200) << "a POST is always answered";
    EXPECT_EQ(rig_.door().cancelled, 1);
}

TEST_F(HttpFrontTest, a_modern_client_cancels_by_going_away) {
    {
        HttpClient caller(rig_.port());
        std::string body = modern_call(R"("health_check","arguments":{"behave":"wait"})");
        caller.send("POST /mcp HTTP/1.1\r\nContent-Type: application/json\r\n" + modern("tools/call", "health_check") + "Content-Length: " +
                    std::to_string(body.size()) + "\r\n\r\n" + body);
        while (rig_.door().calls == 0) {
            std::this_thread::yield();
        }
    }
    while (rig_.door().cancelled == 0) {
        std::this_thread::yield();
    }
}

TEST_F(HttpFrontTest, modern_headers_must_match_the_body) {
    const std::string body = modern_call(R"("health_check")");
    EXPECT_EQ(post(body, modern("tools/call", "health_check")).status, 200);
    EXPECT_EQ(post(body, modern("tools/call", "=?base64?aGVhbHRoX2NoZWNr?=")).status, 200);
    const std::vector<std::string> wrong = {
        good(), modern("tools/call"), modern("tools/list", "health_check"), modern("tools/call", "memory_add"),
        modern("tools/call", "=?base64?!!!?="),
        good("MCP-Protocol-Version: 2025-11-25\r\nMcp-Method: tools/call\r\nMcp-Name: health_check\r\n")};
    for (const std::string& headers : wrong) {
        const HttpAnswer answer = post(body, headers);
        EXPECT_EQ(answer.status, 400) << headers;
        EXPECT_EQ(Json::parse(answer.body)["error"]["code"], -32020) << headers;
        EXPECT_EQ(Json::parse(answer.body)["id"], 1) << headers;
    }
}

TEST_F(HttpFrontTest, modern_errors_have_their_status) {
    const std::string meta =
        R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}})";
    const HttpAnswer method = post(R"({"jsonrpc":"2.0","id":1,"method":"nothing","params":{)" + meta + "}}", modern("nothing"));
    EXPECT_EQ(method.status, 404);
    EXPECT_EQ(Json::parse(method.body)["error"]["code"], -32601);
    const HttpAnswer version = post(R"({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}})",
                                    good("MCP-Protocol-Version: 2031-01-01\r\n"));
    EXPECT_EQ(version.status, 400);
    EXPECT_EQ(Json::parse(version.body)["error"]["code"], -32022);
}

}  // namespace
}  // namespace resonant::mcp
