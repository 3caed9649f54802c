#include "resonant/mcp/kernel_front.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "tests/support/mcp_rig.h"

namespace resonant::mcp {
namespace {

class KernelFrontTest : public testing::Test {
  protected:
    net::KernelLink connect() {
        auto link = net::KernelLink::connect(rig_.socket());
        EXPECT_TRUE(link);
        return std::move(*link);
    }
    Json ask(const std::string& line) {
        net::KernelLink link = connect();
        return Json::parse(link.ask(line, from_seconds(20)).value());
    }
    test::McpRig rig_;
};

TEST_F(KernelFrontTest, answers_ping_status_and_down) {
    EXPECT_EQ(ask(R"({"op":"ping"})"), Json({{"ok", true}}));
    EXPECT_EQ(ask(R"({"op":"status"})"), Json({{"ok", true}, {"kernel", "test"}}));
    EXPECT_EQ(ask(R"({"op":"down"})"), Json({{"ok", true}}));
    EXPECT_EQ(ask(R"({"op":"ping"})")["ok"], true);  // after which down() has run
    EXPECT_EQ(rig_.downs, 1);
}

TEST_F(KernelFrontTest, what_it_does_not_know_is_named) {
    EXPECT_EQ(ask("nonsense")["ok"], false);
    EXPECT_EQ(ask("[]")["code"], "invalid_argument");
    EXPECT_NE(ask(R"({"op":"fly"})")["error"].get<std::string>().find("fly"), std::string::npos);
    EXPECT_EQ(ask(R"({"op":7})")["ok"], false);
}

TEST_F(KernelFrontTest, a_person_at_the_socket_coordinates_and_owns_with_the_secret) {
    const Json person = ask(R"({"op":"call","tool":"health.check","arguments":{"role":"owner"}})");
    EXPECT_EQ(person["ok"], true);
    EXPECT_EQ(person["is_error"], false);
    EXPECT_EQ(person["content"]["role"], static_cast<int>(call::Role::Coordinator));
    EXPECT_EQ(person["content"]["principal"], "uid:" + std::to_string(getuid()));
    const Json owner = ask(R"({"op":"call","tool":"health.check","secret":"the secret"})");
    EXPECT_EQ(owner["content"]["role"], static_cast<int>(call::Role::Owner));
    EXPECT_EQ(owner["content"]["principal"], "operator");
    const Json guess = ask(R"({"op":"call","tool":"health.check","secret":"guess"})");
    EXPECT_EQ(guess["ok"], false) << "a wrong secret is said to be wrong, not passed over";
    EXPECT_NE(guess.dump().find("secret"), std::string::npos) << guess;
}

TEST_F(KernelFrontTest, a_denied_call_says_so) {
    const Json answer = ask(R"({"op":"call","tool":"health.check","arguments":{"behave":"deny"}})");
    EXPECT_EQ(answer["denied"], true);
    EXPECT_EQ(answer["content"]["denial"]["stage"], "rate_limiter");
}

TEST_F(KernelFrontTest, hanging_up_cancels_the_call) {
    {
        net::KernelLink link = connect();
        ASSERT_TRUE(link.send(R"({"op":"call","tool":"health.check","arguments":{"behave":"wait"}})"));
        while (rig_.door().calls == 0) {
            std::this_thread::yield();
        }
    }
    while (rig_.door().cancelled == 0) {
        std::this_thread::yield();
    }
}

TEST_F(KernelFrontTest, attach_needs_its_three_descriptors) {
    net::KernelLink link = connect();
    EXPECT_EQ(Json::parse(link.ask(R"({"op":"attach"})", from_seconds(20)).value())["ok"], false);
    const int two[] = {0, 1};
    ASSERT_TRUE(link.send(R"({"op":"attach"})", two));
    EXPECT_EQ(Json::parse(link.receive(from_seconds(20)).value())["ok"], false);
    const int no_journal[] = {0, 1, 2};
    ASSERT_TRUE(link.send(R"({"op":"attach"})", no_journal));
    const Json refused = Json::parse(link.receive(from_seconds(20)).value());
    EXPECT_NE(refused["error"].get<std::string>().find("journal"), std::string::npos);
}

TEST_F(KernelFrontTest, who_sends_nothing_more_still_gets_the_answer_to_a_call_that_lasts) {
    net::KernelLink link = connect();
    ASSERT_TRUE(link.send(R"({"op":"call","tool":"health.check","arguments":{"behave":"later"}})"));
    ASSERT_EQ(shutdown(link.descriptor(), SHUT_WR), 0);
    EXPECT_EQ(Json::parse(link.receive(from_seconds(20)).value())["ok"], true);
    EXPECT_FALSE(link.receive(from_seconds(20))) << "and is then closed";
}

TEST_F(KernelFrontTest, beyond_the_limit_attach_is_refused_in_words_and_the_operator_is_answered) {
    std::vector<std::optional<net::KernelLink>> links(test::kRigClientsMax);
    std::vector<decltype(rig_.attached(links[0]))> wires;
    for (auto& link : links) {
        wires.push_back(rig_.attached(link));
    }
    net::KernelLink link = connect();
    const int three[] = {0, 1, 2};
    ASSERT_TRUE(link.send(R"({"op":"attach"})", three));
    const Json refused = Json::parse(link.receive(from_seconds(20)).value());
    EXPECT_EQ(refused["code"], "resource_exhausted");
    EXPECT_EQ(refused["retry_after_s"], 1);
    EXPECT_NE(refused["error"].get<std::string>().find("raise clients_max in resonant.toml"), std::string::npos);
    EXPECT_EQ(ask(R"({"op":"status"})")["ok"], true);
    EXPECT_TRUE(wires.front()->answers_ping());
}

TEST_F(KernelFrontTest, the_waiting_process_hears_that_its_client_ended) {
    std::optional<net::KernelLink> link;
    {
        const auto wire = rig_.attached(link);
        EXPECT_TRUE(wire->answers_ping());
    }
    const Json event = Json::parse(link->receive(from_seconds(20)).value());
    EXPECT_EQ(event["event"], "closed");
    EXPECT_FALSE(link->receive(from_seconds(20))) << "and then the kernel hangs up";
}

TEST_F(KernelFrontTest, a_waiting_process_that_dies_takes_its_client_along) {
    std::optional<net::KernelLink> link;
    const auto wire = rig_.attached(link);
    EXPECT_TRUE(wire->answers_ping());
    link.reset();
    EXPECT_TRUE(wire->receive().is_null()) << "the client sees the end of its server";
}

}  // namespace
}  // namespace resonant::mcp
