// Bad input over every transport: each case is answered as the protocol wants, and the server lives.
#include <gtest/gtest.h>

#include "tests/support/mcp_rig.h"

namespace resonant::mcp {
namespace {

struct Case {
    std::string name;
    std::string text;
    int code;
    Json id;
};

std::string nested(int levels, char open, char close) {
    return std::string(static_cast<std::size_t>(levels), open) +
           std::string(static_cast<std::size_t>(levels), close);
}

std::vector<Case> cases() {
    return {
        {"no json", "hello", -32700, nullptr},
        {"half an object", R"({"jsonrpc":"2.0","id":1,"method":"ping")", -32700, 1},
        {"two objects", R"({"jsonrpc":"2.0","id":1,"method":"ping"}{"a":1})", -32700, 1},
        {"trailing comma", R"({"jsonrpc":"2.0","id":2,"method":"ping",})", -32700, 2},
        {"single quotes", R"({'id':3})", -32700, nullptr},
        {"nan", R"({"jsonrpc":"2.0","id":4,"method":"ping","params":{"x":NaN}})", -32700, 4},
        {"comment", R"({"jsonrpc":"2.0","id":5,"method":"ping"/*x*/})", -32700, 5},
        {"invalid utf-8", "{\"jsonrpc\":\"2.0\",\"id\":6,\"method\":\"ping\",\"params\":{\"x\":\"\xff\xfe\"}}", -32700, 6},
        {"overlong utf-8", "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"\xc0\xaf\"}", -32700, 7},
        {"lone surrogate", R"({"jsonrpc":"2.0","id":8,"method":"ping","params":{"x":"\ud800"}})", -32700, 8},
        {"raw control character", "{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"p\x01\"}", -32700, 9},
        {"deep arrays", R"({"jsonrpc":"2.0","id":10,"method":"ping","params":)" + nested(1000, '[', ']') + "}", -32700, 10},
        {"unbalanced depth", R"({"jsonrpc":"2.0","id":11,"method":"ping","params":)" + std::string(100'000, '['), -32700, 11},
        {"a number", "42", -32600, nullptr},
        {"a string", R"("ping")", -32600, nullptr},
        {"null", "null", -32600, nullptr},
        {"empty object", "{}", -32600, nullptr},
        {"empty batch", "[]", -32600, nullptr},
        {"id null", R"({"jsonrpc":"2.0","id":null,"method":"ping"})", -32600, nullptr},
        {"id object", R"({"jsonrpc":"2.0","id":{"a":1},"method":"ping"})", -32600, nullptr},
        {"id fraction", R"({"jsonrpc":"2.0","id":1.5,"method":"ping"})", -32600, nullptr},
        {"no method", R"({"jsonrpc":"2.0","id":12})", -32600, 12},
        {"method is a list", R"({"jsonrpc":"2.0","id":13,"method":["ping"]})", -32600, 13},
        {"wrong version", R"({"jsonrpc":2.0,"id":14,"method":"ping"})", -32600, 14},
        {"params is text", R"({"jsonrpc":"2.0","id":15,"method":"ping","params":"x"})", -32602, 15},
        {"unknown method", R"({"jsonrpc":"2.0","id":16,"method":"tools/destroy"})", -32601, 16},
        {"method of a megabyte", R"({"jsonrpc":"2.0","id":17,"method":")" + std::string(1 << 20, 'm') + "\"}", -32601, 17},
        {"tool name of a megabyte",
         R"({"jsonrpc":"2.0","id":18,"method":"tools/call","params":{"name":")" + std::string(1 << 20, 'n') + "\"}}", -32602, 18},
        {"unknown tool", R"({"jsonrpc":"2.0","id":19,"method":"tools/call","params":{"name":"rm -rf"}})", -32602, 19},
        {"proto in the name", R"({"jsonrpc":"2.0","id":20,"method":"__proto__","params":{}})", -32601, 20},
    };
}

class Hostile : public testing::TestWithParam<std::string> {
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
    test::McpRig rig_;
    std::optional<net::KernelLink> link_;
    std::unique_ptr<test::Wire> wire_;
};

TEST_P(Hostile, every_case_is_answered_as_it_must_be) {
    for (const Case& one : cases()) {
        const Json answer = wire_->ask(one.text);
        ASSERT_TRUE(answer.is_object()) << one.name;
        EXPECT_EQ(answer["jsonrpc"], "2.0") << one.name;
        // Too deep is a matter of taste between the two.
        const bool deep = one.name.find("dep") != std::string::npos || one.name.find("deep") != std::string::npos;
        EXPECT_TRUE(answer["error"]["code"] == one.code || (deep && answer["error"]["code"] == -32600))
            << one.name << ": " << answer["error"].dump().substr(0, 300);
        EXPECT_EQ(answer["id"], one.id) << one.name;
        EXPECT_TRUE(wire_->answers_ping()) << one.name;
    }
}

TEST_P(Hostile, random_bytes_and_cut_messages_never_silence_it) {
    const std::uint64_t seed = 20261122;
    SCOPED_TRACE("seed " + std::to_string(seed));
    SeededRandom random(seed);
    const std::string good = R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"health_check"}})";
    for (int round = 0; round < 200; ++round) {
        std::string text = good;
        for (std::uint64_t change = random.next() % 4; change > 0; --change) {
            text[random.next() % text.size()] = static_cast<char>(random.next());
        }
        text.resize(random.next() % 8 == 0 ? random.next() % text.size() : text.size());
        std::erase(text, '\n');
        std::erase(text, '\r');
        wire_->send(text);
        // Whatever it was, the next question is answered; on streams its own answer may come first.
        wire_->send(R"({"jsonrpc":"2.0","id":"probe","method":"ping"})");
        Json answer = wire_->receive();
        if (answer.is_object() && answer["id"] != "probe") {
            answer = wire_->receive();
        }
        ASSERT_EQ(answer["id"], "probe") << "round " << round << ": " << text;
    }
}

INSTANTIATE_TEST_SUITE_P(Transports, Hostile, testing::Values("pipes", "unix", "http"),
                         [](const auto& one) { return one.param; });

class HostileStream : public testing::Test {
  protected:
    test::McpRig rig_;
    std::unique_ptr<test::StreamWire> wire_ = rig_.pipes();
};

TEST_F(HostileStream, a_line_of_ten_megabytes_is_answered_with_its_id) {
    const std::string filler(10 << 20, 'x');
    const Json first = wire_->ask(R"({"jsonrpc":"2.0","id":"big","method":"ping","params":{"x":")" + filler + "\"}}");
    EXPECT_EQ(first["id"], "big");
    EXPECT_EQ(first["error"]["code"], -32600);
    const Json last = wire_->ask(R"({"jsonrpc":"2.0","method":"ping","params":{"x":")" + filler + R"("},"id":77})");
    EXPECT_EQ(last["id"], 77) << "an id at the very end is found too";
    EXPECT_TRUE(wire_->answers_ping());
}

TEST_F(HostileStream, an_overlong_notification_or_response_is_dropped_in_silence) {
    const std::string filler(5 << 20, 'x');
    wire_->send(R"({"jsonrpc":"2.0","method":"notifications/x","params":")" + filler + "\"}");
    wire_->send(R"({"jsonrpc":"2.0","id":1,"result":")" + filler + "\"}");
    EXPECT_TRUE(wire_->answers_ping());
}

TEST_F(HostileStream, a_peer_that_only_sends_garbage_hears_twenty_errors) {
    for (int i = 0; i < 100; ++i) {
        wire_->send("garbage");
    }
    wire_->send(R"({"jsonrpc":"2.0","id":"end","method":"ping"})");
    int errors = 0;
    Json answer = wire_->receive();
    for (; answer["id"] != "end"; answer = wire_->receive()) {
        ++errors;
    }
    EXPECT_EQ(errors, kErrorsInARow);
    EXPECT_EQ(wire_->ask("garbage")["error"]["code"], -32700) << "a good message begins the count anew";
}

TEST_F(HostileStream, broken_requests_with_an_id_are_answered_however_many_come) {
    for (int i = 0; i < 50; ++i) {
        const Json answer = wire_->ask(R"({"jsonrpc":"1.0","id":)" + std::to_string(i) + "}");
        ASSERT_EQ(answer["id"], i);
    }
}

TEST_F(HostileStream, echoes_of_errors_do_not_bounce) {
    for (int i = 0; i < 50; ++i) {
        wire_->send(R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error)");  // even cut
        wire_->send(R"({"jsonrpc":"2.0","id":5,"error":{"code":-32600,"message":"Invalid"}})");
    }
    EXPECT_TRUE(wire_->answers_ping());
}

TEST_F(HostileStream, one_id_twice_at_once_is_refused) {
    wire_->send(R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"health_check","arguments":{"behave":"wait"}}})");
    const Json answer = wire_->ask(R"({"jsonrpc":"2.0","id":1,"method":"ping"})");
    EXPECT_EQ(answer["error"]["code"], -32600);
}

}  // namespace
}  // namespace resonant::mcp
