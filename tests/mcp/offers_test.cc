// What a server offers beside tools, over every transport where it matters: resources, prompts, completion,
// watching, and event streams that can be taken up again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "resonant/mcp/event_stream.h"
#include "resonant/mcp/request_state.h"
#include "tests/support/mcp_rig.h"

namespace resonant::mcp {
namespace {

using testing::HasSubstr;

const std::string kMeta =
    R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
    R"("io.modelcontextprotocol/clientCapabilities":{}})";

std::string request(const std::string& method, const std::string& params = "") {
    return R"({"jsonrpc":"2.0","id":1,"method":")" + method + R"(","params":{)" + params + "}}";
}

class Offers : public testing::Test {
  protected:
    Json ask(const std::string& method, const std::string& params = "") { return wire_->ask(request(method, params)); }

    test::McpRig rig_;
    std::unique_ptr<test::StreamWire> wire_ = rig_.pipes();
};

TEST_F(Offers, no_fixture_of_the_conformance_suite_is_seen_without_its_flag) {
    for (const char* method : {"tools/list", "resources/list", "resources/templates/list", "prompts/list"}) {
        const std::string text = ask(method).dump();
        EXPECT_THAT(text, HasSubstr("\"result\"")) << method;
        EXPECT_EQ(text.find("test_"), std::string::npos) << method;
        EXPECT_EQ(text.find("test://"), std::string::npos) << method;
    }
}

TEST_F(Offers, a_resource_is_the_answer_of_a_tool_through_the_door) {
    const Json answer = ask("resources/read", R"("uri":"memory://m12")");
    const Json& content = answer["result"]["contents"][0];
    EXPECT_EQ(content["uri"], "memory://m12");
    const Json said = Json::parse(content["text"].get<std::string>());
    EXPECT_EQ(said["tool"], "memory.read");
    EXPECT_EQ(said["arguments"], Json({{"ids", {"m12"}}}));
    EXPECT_EQ(said["principal"], "uid:1000");
    EXPECT_EQ(rig_.door().calls, 1);
}

TEST_F(Offers, an_unknown_resource_is_an_error_with_its_uri_in_both_eras) {
    const Json legacy = ask("resources/read", R"("uri":"memory://a/b")")["error"];
    EXPECT_EQ(legacy["code"], -32002);
    EXPECT_EQ(legacy["data"]["uri"], "memory://a/b");
    EXPECT_EQ(ask("resources/read", R"("uri":"x://y",)" + kMeta)["error"]["code"], -32602);
    EXPECT_EQ(rig_.door().calls, 0);
}

TEST_F(Offers, lists_of_the_modern_era_carry_cache_hints) {
    for (const char* method : {"resources/list", "resources/templates/list", "prompts/list"}) {
        const Json result = ask(method, kMeta)["result"];
        EXPECT_EQ(result["resultType"], "complete") << method;
        EXPECT_TRUE(result["ttlMs"].is_number_integer()) << method;
        EXPECT_EQ(result["cacheScope"], "public") << method;
    }
    EXPECT_EQ(ask("resources/read", R"("uri":"board://state",)" + kMeta)["result"]["cacheScope"], "private");
}

TEST_F(Offers, a_prompt_is_made_of_its_arguments_and_names_the_one_that_is_missing) {
    const Json made = ask("prompts/get", R"("name":"recall_topic","arguments":{"topic":"lighthouse"})");
    EXPECT_THAT(made["result"]["messages"][0]["content"]["text"].get<std::string>(), HasSubstr("\"lighthouse\""));
    const Json error = ask("prompts/get", R"("name":"recall_topic")")["error"];
    EXPECT_EQ(error["code"], -32602);
    EXPECT_THAT(error["message"].get<std::string>(), HasSubstr("topic"));
    EXPECT_EQ(ask("prompts/get", R"("name":"nothing")")["error"]["code"], -32602);
}

TEST_F(Offers, completion_names_tools_that_begin_so) {
    const Json values = ask("completion/complete", R"("ref":{"type":"ref/prompt","name":"explain_denial"},)"
                                                   R"("argument":{"name":"tool","value":"sandbox."})")["result"]["completion"];
    EXPECT_EQ(values["total"].get<std::size_t>(), values["values"].size());
    ASSERT_FALSE(values["values"].empty());
    for (const Json& value : values["values"]) {
        EXPECT_TRUE(value.get<std::string>().starts_with("sandbox.")) << value;
    }
    EXPECT_EQ(ask("completion/complete", R"("ref":{})")["error"]["code"], -32602);
}

TEST_F(Offers, who_watches_a_resource_is_told_and_nobody_else) {
    EXPECT_EQ(ask("initialize", R"("protocolVersion":"2025-11-25","capabilities":{})")["result"]["capabilities"]["resources"]["subscribe"],
              true);
    EXPECT_EQ(ask("resources/subscribe", R"("uri":"board://state")")["result"], Json::object());
    EXPECT_EQ(ask("resources/subscribe", R"("uri":"none://such")")["error"]["code"], -32002);
    auto other = rig_.pipes();
    other->ask(request("initialize", R"("protocolVersion":"2025-11-25","capabilities":{})"));
    rig_.server().changed(Change::Resource, "board://state");
    const Json note = wire_->receive();
    EXPECT_EQ(note["method"], "notifications/resources/updated");
    EXPECT_EQ(note["params"]["uri"], "board://state");
    EXPECT_TRUE(other->answers_ping()) << "with no note before it";
    EXPECT_EQ(ask("resources/unsubscribe", R"("uri":"board://state")")["result"], Json::object());
    rig_.server().changed(Change::Resource, "board://state");
    EXPECT_TRUE(wire_->answers_ping());
}

TEST_F(Offers, a_subscription_acknowledges_first_tags_its_notes_and_ends_when_cancelled) {
    wire_->send(request("subscriptions/listen", R"("notifications":{"toolsListChanged":true,"resourcesListChanged":true},)" + kMeta));
    const Json first = wire_->receive();
    EXPECT_EQ(first["method"], "notifications/subscriptions/acknowledged");
    EXPECT_EQ(first["params"]["notifications"]["promptsListChanged"], false);
    rig_.server().changed(Change::Prompts);
    rig_.server().changed(Change::Tools);
    rig_.server().changed(Change::Resources);
    const Json note = wire_->receive();
    EXPECT_EQ(note["method"], "notifications/resources/list_changed")
        << "prompts were not asked for, and the list of tools is as it was";
    EXPECT_EQ(note["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1);
    wire_->send(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}})");
    EXPECT_TRUE(wire_->answers_ping());
    rig_.server().changed(Change::Resources);
    EXPECT_TRUE(wire_->answers_ping());
}

TEST_F(Offers, an_unknown_log_level_is_refused_with_the_ones_there_are) {
    EXPECT_EQ(ask("logging/setLevel", R"("level":"warning")")["result"], Json::object());
    EXPECT_THAT(ask("logging/setLevel", R"("level":"loud")")["error"]["message"].get<std::string>(), HasSubstr("emergency"));
}

TEST(RequestStateTest, opens_what_it_sealed_and_nothing_else) {
    SystemRandom random;
    const RequestState ours(random);
    const RequestState another(random);
    const Nanos now = from_seconds(1'000'000);
    const Json answers = {{"name", {{"action", "accept"}}}};
    const std::string state = ours.seal(answers, "ada\ncall x", now);
    EXPECT_EQ(ours.open(state, "ada\ncall x", now).value(), answers);
    EXPECT_FALSE(ours.open(state, "eve\ncall x", now).has_value()) << "another caller";
    EXPECT_FALSE(ours.open(state, "ada\ncall y", now).has_value()) << "another request";
    EXPECT_FALSE(another.open(state, "ada\ncall x", now).has_value()) << "another key";
    EXPECT_FALSE(ours.open(state, "ada\ncall x", now + kStateLife + Nanos{1}).has_value()) << "too old";
    for (std::size_t i = 0; i < state.size(); ++i) {
        std::string changed = state;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(ours.open(changed, "ada\ncall x", now).has_value()) << "byte " << i;
    }
    EXPECT_FALSE(ours.open("", "ada\ncall x", now).has_value());
}

TEST(EventStreamTest, ids_are_read_back_as_they_were_written) {
    EXPECT_EQ(EventStream::parse_id("7:12"), std::pair(std::string("7"), std::uint64_t{12}));
    for (const char* wrong : {"", "7", "7:", "7:x", "7:-1", "7:12 "}) {
        EXPECT_FALSE(EventStream::parse_id(wrong).has_value()) << wrong;
    }
}

class Streams : public testing::Test {
  protected:
    // The headers of a request and the bytes that come within a moment; the connection stays open.
    std::string read_until(test::HttpClient& client, const std::string& wanted) {
        std::string seen;
        while (seen.find(wanted) == std::string::npos) {
            const std::string more = client.read_some();
            if (more.empty()) {
                break;
            }
            seen += more;
        }
        return seen;
    }
    std::string head(const std::string& verb, const std::string& more, const std::string& body = "") const {
        return verb + " /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + test::McpRig::kToken + "\r\n" + more +
               (verb == "POST" ? "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" : "") + "\r\n" + body;
    }
    std::string begin() {
        const test::HttpAnswer answer = test::HttpClient(rig_.port()).ask(
            head("POST", "", R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25"}})"));
        return answer.headers.at("Mcp-Session-Id");
    }

    test::McpRig rig_;
};

const std::string kProgress = R"({"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"health_check",)"
                              R"("arguments":{"behave":"progress"},"_meta":{"progressToken":"t"}}})";

TEST_F(Streams, progress_makes_an_event_stream_of_the_answer) {
    test::HttpClient client(rig_.port());
    client.send(head("POST", "Accept: application/json, text/event-stream\r\n", kProgress));
    const std::string seen = read_until(client, "0\r\n\r\n");
    EXPECT_THAT(seen, HasSubstr("text/event-stream"));
    EXPECT_LT(seen.find("notifications/progress"), seen.find("\"result\""));
    client.send(head("POST", "", R"({"jsonrpc":"2.0","id":6,"method":"ping"})"));
    EXPECT_THAT(read_until(client, "\"result\":{}}"), HasSubstr("application/json")) << "the connection goes on";
}

TEST_F(Streams, a_client_that_takes_no_events_gets_the_plain_answer) {
    test::HttpClient client(rig_.port());
    const test::HttpAnswer answer = client.ask(head("POST", "Accept: application/json\r\n", kProgress));
    EXPECT_EQ(answer.headers.at("Content-Type"), "application/json");
    EXPECT_EQ(Json::parse(answer.body)["id"], 5);
}

TEST_F(Streams, what_a_client_missed_is_given_when_it_comes_back) {
    const std::string session = "Mcp-Session-Id: " + begin() + "\r\n";
    test::HttpClient first(rig_.port());
    first.send(head("POST", "Accept: text/event-stream, application/json\r\n" + session, kProgress));
    const std::string seen = read_until(first, "0\r\n\r\n");
    EXPECT_THAT(seen, HasSubstr("id: 1:0\ndata: \n\n")) << "the priming event";
    test::HttpClient again(rig_.port());
    again.send(head("GET", "Accept: text/event-stream\r\nLast-Event-ID: 1:1\r\n" + session));
    const std::string rest = read_until(again, "0\r\n\r\n");
    EXPECT_EQ(rest.find("notifications/progress"), std::string::npos) << "it had that one";
    EXPECT_THAT(rest, HasSubstr("id: 1:2\ndata: "));
    EXPECT_THAT(rest, HasSubstr("\"id\":5"));
    test::HttpClient lost(rig_.port());
    EXPECT_EQ(lost.ask(head("GET", "Accept: text/event-stream\r\nLast-Event-ID: 9:1\r\n" + session)).status, 404);
}

TEST_F(Streams, notes_wait_for_the_get_stream_of_their_session) {
    const std::string session = "Mcp-Session-Id: " + begin() + "\r\n";
    test::HttpClient post(rig_.port());
    post.ask(head("POST", session, R"({"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{"uri":"board://state"}})"));
    rig_.server().changed(Change::Resource, "board://state");
    post.ask(head("POST", session, R"({"jsonrpc":"2.0","id":3,"method":"ping"})"));
    test::HttpClient get(rig_.port());
    get.send(head("GET", "Accept: text/event-stream\r\n" + session));
    EXPECT_THAT(read_until(get, "board://state"), HasSubstr("notifications/resources/updated"));
}

TEST_F(Streams, a_session_of_somebody_else_is_no_stream) {
    const std::string session = begin();
    test::HttpClient client(rig_.port());
    EXPECT_EQ(client.ask("GET /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer observer's\r\n"
                         "Accept: text/event-stream\r\nMcp-Session-Id: " + session + "\r\n\r\n").status,
              404);
}

}  // namespace
}  // namespace resonant::mcp
