// Whom live words deny is sent away where he stands: no worker, no waiting, and everything is kept of it that is kept of
// any denial.
#include "resonant/dispatch/doorkeeper.h"

#include <gtest/gtest.h>

#include "resonant/mcp/render.h"
#include "tests/support/world.h"

namespace resonant::dispatch {
namespace {

call::Request request(const std::string& tool, Json arguments) {
    call::Request made;
    made.tool = tool;
    made.arguments = std::move(arguments);
    made.caller.principal = "ada";
    made.caller.transport = call::Transport::Stdio;
    return made;
}

class DoorkeeperTest : public testing::Test {
  protected:
    void use_up() {
        for (int i = 0; i < 300; ++i) {
            ASSERT_FALSE(world_.call("board.read", {{"field", "error_rate"}}).error);
        }
    }
    // As many calls as a minute allows, judged and not run.
    void judge_as_many_as_allowed(const std::string& tool) {
        runtime::Parts& parts = world_.parts();
        call::Call call;
        call.contract = &parts.toolbox.find(tool)->contract;
        call.caller = request(tool, Json::object()).caller;
        call.at = parts.clock.wall();
        std::vector<govern::Passage> passages;
        for (int i = 0; i < 300; ++i) {
            ASSERT_FALSE(parts.pipeline->judge(call, passages));
        }
    }
    std::optional<Refusal> turn_away(const std::string& tool, Json arguments = Json::object()) {
        call::Request asked = request(tool, std::move(arguments));
        const Json before = asked.arguments;
        auto refusal = world_.parts().dispatcher->turn_away(asked);
        EXPECT_TRUE(refusal || (asked.arguments == before && asked.caller.principal == "ada")) << "it is needed whole";
        return refusal;
    }

    test::World world_;
};

TEST_F(DoorkeeperTest, who_is_not_denied_has_to_go_in_and_was_not_counted) {
    const std::uint64_t calls = world_.parts().dispatcher->calls();
    EXPECT_FALSE(turn_away("board.read", {{"field", "error_rate"}}));
    EXPECT_FALSE(turn_away("no.such.tool"));
    EXPECT_FALSE(turn_away("gana_root_health"));
    EXPECT_EQ(world_.parts().dispatcher->calls(), calls);
}

TEST_F(DoorkeeperTest, a_refusal_says_what_the_door_would_have_said) {
    use_up();
    Json inside = world_.call("board.read", {{"field", "error_rate"}}).content;
    const auto refusal = turn_away("board.read", {{"field", "error_rate"}});
    ASSERT_TRUE(refusal);
    EXPECT_TRUE(refusal->reply.error);
    EXPECT_EQ(refusal->reply.tool, "board.read");
    EXPECT_NE(refusal->reply.resonance.find("\"phase\""), std::string::npos);
    const Json result = Json::parse(mcp::call_result(refusal->reply, {.modern = false, .structured = true}));
    EXPECT_EQ(Json::parse(result["content"][0]["text"].get<std::string>()), result["structuredContent"]);
    EXPECT_EQ(result["_meta"]["resonant/resonance"]["gana"], "mound");
    EXPECT_TRUE(result["isError"]);
    Json outside = result["structuredContent"];
    EXPECT_GT(outside["denial"]["retry_after_s"].get<double>(), 0);
    for (Json* said : {&inside, &outside}) {
        (*said)["denial"].erase("retry_after_s");
        (*said)["denial"].erase("way_out");  // it names the seconds, too
    }
    EXPECT_EQ(outside, inside);
}

TEST_F(DoorkeeperTest, a_refusal_with_words_to_escape_says_the_same) {
    use_up();
    const auto refusal = turn_away("gana_mound_state", {{"tool", "board.read"}, {"args", {{"field", "error_rate"}}}});
    ASSERT_TRUE(refusal);
    call::Reply odd = refusal->reply;
    odd.denial->reason += " \"é\\";
    for (const call::Reply* reply : {&refusal->reply, &std::as_const(odd)}) {
        const Json result = Json::parse(mcp::call_result(*reply, {.modern = true, .structured = true}));
        const Json& said = result["structuredContent"];
        EXPECT_EQ(Json::parse(result["content"][0]["text"].get<std::string>()), said);
        EXPECT_EQ(said["denial"]["reason"], reply->denial->reason);
        EXPECT_EQ(said["denial"]["way_out"], reply->denial->way_out);
        EXPECT_EQ(said["tool"], "board.read");
        EXPECT_NEAR(said["denial"]["retry_after_s"].get<double>(), *reply->denial->retry_after_s, 0.001);
        EXPECT_EQ(result["resultType"], "complete");
    }
}

TEST_F(DoorkeeperTest, the_books_are_kept_as_of_any_denial) {
    use_up();
    runtime::Parts& parts = world_.parts();
    ASSERT_TRUE(parts.ledger->flush_reads());
    ring::Subscription events = parts.plane->subscribe();
    const auto refusal = turn_away("board.read", {{"field", "error_rate"}});
    ASSERT_TRUE(refusal);
    refusal->books();
    std::vector<ring::EventType> types;
    for (ring::Event event; events.poll(event) == ring::Poll::Got;) {
        types.push_back(event.type);
    }
    EXPECT_EQ(types, (std::vector{ring::EventType::ToolCalled, ring::EventType::ToolDenied}));
    const std::uint64_t before = parts.ledger->head()->seq;
    ASSERT_TRUE(parts.ledger->flush_reads());
    EXPECT_EQ(parts.ledger->head()->seq, before + 1) << "noted like a read";
}

TEST_F(DoorkeeperTest, a_denial_for_a_worker_is_answered_before_submit_returns) {
    judge_as_many_as_allowed("board.watch");
    ASSERT_NE(world_.parts().toolbox.find("board.watch")->contract.pace, call::Pace::Fast);
    std::optional<call::Reply> reply;
    world_.parts().dispatcher->submit(request("board.watch", {{"field", "error_rate"}, {"above", 2}, {"timeout_s", 30}}),
                                      [&](call::Reply given) { reply = std::move(given); });
    ASSERT_TRUE(reply);
    ASSERT_TRUE(reply->denial);
    EXPECT_EQ(reply->denial->stage, "rate_limiter");
    EXPECT_EQ(world_.parts().dispatcher->in_flight(), 0U);
}

}  // namespace
}  // namespace resonant::dispatch
