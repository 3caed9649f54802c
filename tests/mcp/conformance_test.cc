// Every transport speaks MCP alike: one suite over pipes, over the kernel's Unix socket, and over HTTP.
#include <gtest/gtest.h>

#include "tests/support/mcp_rig.h"

namespace resonant::mcp {
namespace {

const std::string kMeta =
    R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
    R"("io.modelcontextprotocol/clientInfo":{"name":"tester","version":"1"},)"
    R"("io.modelcontextprotocol/clientCapabilities":{}})";

std::string request(const std::string& id, const std::string& method, const std::string& params) {
    return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":")" + method + R"(","params":{)" + params + "}}";
}

class Conformance : public testing::TestWithParam<std::string> {
  protected:
    void SetUp() override {
        if (GetParam() == "pipes") {
            wire_ = rig_.pipes();
        } else if (GetParam() == "unix") {
            wire_ = rig_.attached(link_);
        } else {
            wire_ = rig_.http();
        }
    }
    Json initialize(const std::string& version) {
        return wire_->ask(request("0", "initialize",
                                  R"("protocolVersion":")" + version +
                                      R"(","capabilities":{},"clientInfo":{"name":"tester","version":"1"})"));
    }
    Json call(const std::string& arguments, const std::string& more = "") {
        return wire_->ask(
            request("9", "tools/call", R"("name":"health_check","arguments":)" + arguments + more));
    }

    test::McpRig rig_;
    std::optional<net::KernelLink> link_;
    std::unique_ptr<test::Wire> wire_;
};

TEST_P(Conformance, a_known_version_is_agreed_on) {
    for (const char* version : {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"}) {
        const Json answer = initialize(version);
        EXPECT_EQ(answer["result"]["protocolVersion"], version);
        EXPECT_EQ(answer["result"]["serverInfo"]["name"], "resonant");
        EXPECT_TRUE(answer["result"]["capabilities"].contains("tools"));
        EXPECT_NE(answer["result"]["instructions"].get<std::string>().find("session.bootstrap"),
                  std::string::npos);
    }
}

TEST_P(Conformance, an_unknown_version_gets_the_newest_legacy_one) {
    EXPECT_EQ(initialize("1999-01-01")["result"]["protocolVersion"], "2025-11-25");
}

TEST_P(Conformance, initialize_without_a_version_is_invalid) {
    const Json answer = wire_->ask(request("0", "initialize", ""));
    EXPECT_EQ(answer["error"]["code"], -32602);
    EXPECT_EQ(answer["id"], 0);
}

TEST_P(Conformance, the_list_is_that_of_the_server) {
    initialize("2025-11-25");
    const Json answer = wire_->ask(request("1", "tools/list", ""));
    EXPECT_EQ(json::dump(answer["result"]), json::dump(Json::parse(rig_.server().list_text(Listing::Families))));
    EXPECT_EQ(wire_->ask(request("2", "tools/list", R"("cursor":"x")"))["error"]["code"], -32602);
}

TEST_P(Conformance, a_call_brings_words_structure_and_resonance) {
    initialize("2025-11-25");
    const Json result = call(R"({"a":[1,"é"]})")["result"];
    EXPECT_EQ(result["isError"], false);
    EXPECT_EQ(result["structuredContent"]["tool"], "health_check");
    EXPECT_EQ(result["structuredContent"]["arguments"], Json::parse(R"({"a":[1,"é"]})"));
    EXPECT_EQ(result["structuredContent"]["client"], "tester");
    EXPECT_EQ(Json::parse(result["content"][0]["text"].get<std::string>()), result["structuredContent"]);
    EXPECT_EQ(result["_meta"]["resonant/resonance"]["phase"], "wood");
    EXPECT_FALSE(result.contains("resultType"));
}

TEST_P(Conformance, old_clients_get_words_only) {
    initialize("2025-03-26");
    const Json result = call("{}")["result"];
    EXPECT_FALSE(result.contains("structuredContent"));
    EXPECT_EQ(result["content"][0]["type"], "text");
}

TEST_P(Conformance, a_tools_own_text_is_what_is_read) {
    EXPECT_EQ(call(R"({"behave":"text"})")["result"]["content"][0]["text"], "plain words");
}

TEST_P(Conformance, a_denial_says_stage_rule_reason_and_way_out) {
    const Json result = call(R"({"behave":"deny"})")["result"];
    EXPECT_EQ(result["isError"], true);
    const Json wanted = {{"code", "rate_limited"}, {"stage", "rate_limiter"}, {"rule", "calls_per_minute"},
                         {"reason", "too many calls"}, {"way_out", "wait"}, {"retry_after_s", 1.5}};
    EXPECT_EQ(result["structuredContent"]["denial"], wanted);
}

TEST_P(Conformance, a_tools_error_is_a_result_that_says_so) {
    const Json result = call(R"({"behave":"fail"})")["result"];
    EXPECT_EQ(result["isError"], true);
    EXPECT_EQ(result["structuredContent"]["error"]["code"], "not_found");
}

TEST_P(Conformance, an_answer_from_another_thread_arrives) {
    EXPECT_EQ(call(R"({"behave":"later"})")["id"], 9);
}

TEST_P(Conformance, an_unknown_tool_is_a_protocol_error_with_its_neighbours) {
    const Json answer = wire_->ask(request("3", "tools/call", R"("name":"memory_ad")"));
    EXPECT_EQ(answer["error"]["code"], -32602);
    EXPECT_NE(answer["error"]["message"].get<std::string>().find("memory_ad"), std::string::npos);
    EXPECT_EQ(answer["error"]["data"]["nearest"][0], "memory.add");
}

TEST_P(Conformance, wrong_params_are_told_apart) {
    const std::vector<std::pair<std::string, int>> cases = {
        {R"({"jsonrpc":"2.0","id":4,"method":"tools/call"})", -32602},
        {R"({"jsonrpc":"2.0","id":4,"method":"tools/call","params":[]})", -32602},
        {R"({"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":7}})", -32602},
        {R"({"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"health_check","arguments":[]}})", -32602},
        {R"({"jsonrpc":"2.0","id":4,"method":"resources/nothing"})", -32601},
        {R"({"jsonrpc":"2.0","id":4,"method":""})", -32601},
        {R"({"jsonrpc":"2.0","id":4,"method":5})", -32600},
        {R"({"jsonrpc":"1.0","id":4,"method":"ping"})", -32600},
        {R"({"id":4,"method":"ping"})", -32600}};
    for (const auto& [text, code] : cases) {
        const Json answer = wire_->ask(text);
        EXPECT_EQ(answer["error"]["code"], code) << text;
        EXPECT_EQ(answer["id"], 4) << text;
    }
    EXPECT_EQ(rig_.door().calls, 0) << "nothing of this reached the door";
}

TEST_P(Conformance, ids_come_back_as_they_were) {
    for (const char* id : {"1", "-7", "9007199254740993", "18446744073709551615", R"("x")", R"("")",
                           R"("\u0000é\"\\")"}) {
        const Json answer = wire_->ask(request(id, "ping", ""));
        EXPECT_EQ(answer["id"], Json::parse(id)) << id;
        EXPECT_TRUE(answer.contains("result")) << id;
    }
}

TEST_P(Conformance, notifications_and_responses_are_not_answered) {
    for (const char* text : {R"({"jsonrpc":"2.0","method":"notifications/initialized"})",
                             R"({"jsonrpc":"2.0","method":"notifications/unheard","params":3})",
                             R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":77}})",
                             R"({"jsonrpc":"2.0","id":1,"result":{}})",
                             R"({"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"no"}})",
                             R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}})"}) {
        wire_->send(text);
        EXPECT_TRUE(wire_->answers_ping()) << text;
    }
}

TEST_P(Conformance, the_log_level_is_accepted) {
    EXPECT_EQ(wire_->ask(request("5", "logging/setLevel", R"("level":"info")"))["result"], Json::object());
}

TEST_P(Conformance, a_batch_is_answered_only_where_the_version_had_them) {
    const std::string batch = R"([{"jsonrpc":"2.0","id":1,"method":"ping"},)"
                              R"({"jsonrpc":"2.0","method":"notifications/initialized"},)"
                              R"({"jsonrpc":"2.0","id":"two","method":"nothing"}])";
    initialize("2025-11-25");
    const Json refused = wire_->ask(batch);
    EXPECT_EQ(refused["error"]["code"], -32600);
    EXPECT_TRUE(refused["id"].is_null());
    initialize("2025-03-26");
    const Json answers = wire_->ask(batch);
    ASSERT_EQ(answers.size(), 2U);
    EXPECT_EQ(answers[0]["id"], 1);
    EXPECT_EQ(answers[1]["error"]["code"], -32601);
    EXPECT_EQ(wire_->ask("[]")["error"]["code"], -32600);
    EXPECT_TRUE(wire_->answers_ping());
}

// --- the modern era ----------------------------------------------------------------------------------

TEST_P(Conformance, discover_tells_versions_capabilities_and_identity) {
    const Json result = wire_->ask(request("1", "server/discover", kMeta))["result"];
    EXPECT_EQ(result["resultType"], "complete");
    EXPECT_EQ(result["supportedVersions"], Json::array({"2026-07-28"}));
    EXPECT_TRUE(result["capabilities"].contains("tools"));
    EXPECT_EQ(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "resonant");
    EXPECT_GE(result["ttlMs"].get<int>(), 0);
    EXPECT_EQ(result["cacheScope"], "public");
}

TEST_P(Conformance, a_modern_list_may_be_cached) {
    const Json result = wire_->ask(request("1", "tools/list", kMeta))["result"];
    EXPECT_EQ(result["resultType"], "complete");
    EXPECT_EQ(result["tools"].size(), 23U) << "families with a tool that is built";
    EXPECT_GE(result["ttlMs"].get<int>(), 0);
    EXPECT_EQ(result["cacheScope"], "public");
}

TEST_P(Conformance, a_modern_call_needs_no_beginning) {
    const Json result = call(R"({"x":1})", "," + kMeta)["result"];
    EXPECT_EQ(result["resultType"], "complete");
    EXPECT_EQ(result["structuredContent"]["client"], "tester");
    EXPECT_EQ(result["isError"], false);
}

TEST_P(Conformance, both_eras_live_side_by_side) {
    initialize("2025-06-18");
    EXPECT_TRUE(wire_->ask(request("1", "tools/list", kMeta))["result"].contains("ttlMs"));
    EXPECT_FALSE(wire_->ask(request("2", "tools/list", ""))["result"].contains("ttlMs"));
}

TEST_P(Conformance, an_unknown_modern_version_is_told_what_is_served) {
    std::string meta = kMeta;
    meta.replace(meta.find("2026-07-28"), 10, "2031-01-01");
    const Json answer = wire_->ask(request("1", "tools/list", meta));
    EXPECT_EQ(answer["error"]["code"], -32022);
    EXPECT_EQ(answer["error"]["data"]["supported"][0], "2026-07-28");
    EXPECT_EQ(answer["error"]["data"]["requested"], "2031-01-01");
}

TEST_P(Conformance, what_modern_requests_must_carry_is_demanded) {
    EXPECT_EQ(wire_->ask(request("1", "server/discover", ""))["error"]["code"], -32602);
    EXPECT_EQ(wire_->ask(request("1", "tools/list",
                                 R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"})"))["error"]
                        ["code"],
              -32602);
}

TEST_P(Conformance, legacy_methods_do_not_exist_in_the_modern_era) {
    for (const char* method : {"ping", "initialize", "logging/setLevel", "resources/subscribe"}) {
        EXPECT_EQ(wire_->ask(request("1", method, kMeta))["error"]["code"], -32601) << method;
    }
}

TEST_P(Conformance, the_trace_is_handed_on) {
    EXPECT_EQ(call("{}", R"(,"_meta":{"traceparent":"00-ab-cd-01"})")["result"]["structuredContent"]["trace"],
              "00-ab-cd-01");
}

INSTANTIATE_TEST_SUITE_P(Transports, Conformance, testing::Values("pipes", "unix", "http"),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace resonant::mcp
