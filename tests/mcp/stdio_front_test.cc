#include "resonant/mcp/stdio_front.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/support/mcp_rig.h"

namespace resonant::mcp {
namespace {

std::string call(const std::string& id, const std::string& behave, const std::string& more = "") {
    return R"({"jsonrpc":"2.0","id":)" + id +
           R"(,"method":"tools/call","params":{"name":"health_check","arguments":{"behave":")" + behave +
           "\"}" + more + "}}";
}

TEST(StdioFront, a_cancelled_call_stops_and_is_not_answered) {
    test::McpRig rig;
    const auto wire = rig.pipes();
    wire->send(call("5", "wait"));
    wire->send(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}})");
    while (rig.door().cancelled == 0) {
        std::this_thread::yield();
    }
    EXPECT_TRUE(wire->answers_ping());
}

TEST(StdioFront, progress_comes_before_the_answer) {
    test::McpRig rig;
    const auto wire = rig.pipes();
    const Json note = wire->ask(call("1", "progress", R"(,"_meta":{"progressToken":"p"})"));
    EXPECT_EQ(note["method"], "notifications/progress");
    const Json wanted = {{"progressToken", "p"}, {"progress", 1.0}, {"total", 2.0}, {"message", "half"}};
    EXPECT_EQ(note["params"], wanted);
    EXPECT_EQ(wire->receive()["id"], 1);
}

TEST(StdioFront, a_long_call_holds_up_nobody) {
    test::McpRig rig;
    const auto wire = rig.pipes();
    wire->send(call("\"long\"", "wait"));
    EXPECT_EQ(wire->ask(call("2", ""))["id"], 2);
    wire->send(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"long"}})");
}

TEST(StdioFront, calls_under_way_are_answered_after_the_input_ended) {
    test::McpRig rig;
    const auto wire = rig.pipes();
    for (int i = 0; i < 5; ++i) {
        wire->send(call(std::to_string(i), "later"));
    }
    wire->close_input();
    std::set<int> answered;
    for (int i = 0; i < 5; ++i) {
        answered.insert(wire->receive()["id"].get<int>());
    }
    EXPECT_EQ(answered, (std::set<int>{0, 1, 2, 3, 4}));
    EXPECT_TRUE(wire->receive().is_null()) << "then the output ends";
}

TEST(StdioFront, a_subscription_is_answered_when_the_input_ends_and_then_the_output_ends) {
    test::McpRig rig;
    const auto wire = rig.pipes();
    const std::string meta = R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
                             R"("io.modelcontextprotocol/clientCapabilities":{}})";
    EXPECT_EQ(wire->ask(R"({"jsonrpc":"2.0","id":"s","method":"subscriptions/listen","params":{)" + meta +
                        R"(,"notifications":{"toolsListChanged":true}}})")["method"],
              "notifications/subscriptions/acknowledged");
    wire->send(call("2", "later"));
    wire->close_input();
    std::map<std::string, Json> answers;
    for (int i = 0; i < 2; ++i) {
        const Json answer = wire->receive();
        answers[json::dump(answer["id"])] = answer;
    }
    EXPECT_EQ(answers["\"s\""]["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"], "s");
    EXPECT_EQ(answers["\"s\""]["result"]["resultType"], "complete");
    EXPECT_TRUE(answers["2"].contains("result"));
    EXPECT_TRUE(wire->receive().is_null()) << "then the output ends";
}

TEST(StdioFront, who_opens_subscriptions_without_end_is_refused_and_still_heard) {
    test::McpRig rig;
    const auto wire = rig.pipes();
    const std::string rest = R"(,"method":"subscriptions/listen","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":)"
                             R"("2026-07-28","io.modelcontextprotocol/clientCapabilities":{}},"notifications":{}}})";
    int refused = 0;
    for (int i = 0; i < 300; ++i) {
        refused += wire->ask(R"({"jsonrpc":"2.0","id":)" + std::to_string(i) + rest).contains("error") ? 1 : 0;
    }
    EXPECT_EQ(refused, 300 - 64);
    EXPECT_TRUE(wire->answers_ping());
}

TEST(StdioFront, a_thousand_pipelined_calls_are_answered_once_each) {
    test::McpRig rig;
    const auto wire = rig.pipes();
    std::jthread writer([&] {
        for (int i = 0; i < 1000; ++i) {
            wire->send(call(std::to_string(i), ""));
        }
    });
    std::set<int> answered;
    for (int i = 0; i < 1000; ++i) {
        EXPECT_TRUE(answered.insert(wire->receive()["id"].get<int>()).second);
    }
    EXPECT_EQ(answered.size(), 1000U);
}

TEST(StdioFront, a_client_that_goes_away_cancels_its_calls) {
    test::McpRig rig;
    {
        const auto wire = rig.pipes();
        wire->send(call("1", "wait"));
        EXPECT_TRUE(wire->answers_ping());
    }
    while (rig.door().cancelled == 0) {
        std::this_thread::yield();
    }
}

TEST(StdioFront, clients_are_told_apart_and_identity_is_the_transports) {
    test::McpRig rig;
    const auto one = rig.pipes();
    const auto two = rig.pipes();
    const std::string text =
        R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"health_check",)"
        R"("arguments":{"role":"owner","principal":"operator"}}})";
    const Json first = one->ask(text)["result"]["structuredContent"];
    const Json second = two->ask(text)["result"]["structuredContent"];
    EXPECT_EQ(first["principal"], "uid:1000");
    EXPECT_EQ(first["role"], static_cast<int>(call::Role::Agent));
    EXPECT_NE(first["connection"], second["connection"]);
    EXPECT_NE(first["connection"], 0);
}

// A client's ends and journal, which outlive any server: what `resonant mcp` keeps.
struct Survivor {
    Survivor() {
        int in[2];
        int out[2];
        EXPECT_EQ(pipe2(in, O_CLOEXEC), 0);
        EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
        input.reset(in[0]);
        output.reset(out[1]);
        wire = std::make_unique<test::StreamWire>(Descriptor(in[1]), Descriptor(out[0]));
        auto made = net::Journal::create();
        EXPECT_TRUE(made);
        journal = std::move(*made);
    }
    void hand_to(test::McpRig& rig) const {
        rig.adopt(Descriptor(dup(input.get())), Descriptor(dup(output.get())),
                  Descriptor(dup(journal->descriptor())));
    }
    Descriptor input, output;
    std::unique_ptr<test::StreamWire> wire;
    std::unique_ptr<net::Journal> journal;
};

TEST(StdioFront, the_next_server_goes_on_where_the_last_one_was) {
    Survivor client;
    Json before;
    {
        test::McpRig rig;
        client.hand_to(rig);
        client.wire->ask(R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{)"
                         R"("protocolVersion":"2025-03-26","clientInfo":{"name":"old","version":"1"}}})");
        before = Json::parse(client.wire->ask(call("1", ""))["result"]["content"][0]["text"].get<std::string>());
        EXPECT_TRUE(client.wire->answers_ping());
    }
    test::McpRig next;
    client.hand_to(next);
    const Json answer = client.wire->ask(call("2", ""));
    EXPECT_FALSE(answer["result"].contains("structuredContent")) << "2025-03-26 is still agreed on";
    const Json after = Json::parse(answer["result"]["content"][0]["text"].get<std::string>());
    EXPECT_EQ(after["client"], "old");
    EXPECT_EQ(after["connection"], before["connection"]);
}

TEST(StdioFront, half_a_line_is_finished_by_the_next_server) {
    Survivor client;
    const std::string question = call("1", "");
    {
        test::McpRig rig;
        client.hand_to(rig);
        EXPECT_TRUE(client.wire->answers_ping());
        client.wire->send_raw(question.substr(0, 30));
        while (client.journal->input() != question.substr(0, 30)) {
            std::this_thread::yield();
        }
    }
    test::McpRig next;
    client.hand_to(next);
    EXPECT_EQ(client.wire->ask(question.substr(30))["id"], 1);
}

TEST(StdioFront, what_was_open_when_the_server_died_is_known_to_the_survivor) {
    Survivor client;
    {
        test::McpRig rig;
        client.hand_to(rig);
        client.wire->send(call("\"slow\"", "wait"));
        EXPECT_TRUE(client.wire->answers_ping());
    }
    client.journal->recover();
    EXPECT_EQ(client.journal->open_labels(), std::vector<std::string>{"\"slow\""});
}

}  // namespace
}  // namespace resonant::mcp
