#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/world.h"

namespace resonant::tools {
namespace {

using testing::HasSubstr;

class Heart : public testing::Test {
  protected:
    test::World world_;
};

TEST_F(Heart, a_pack_is_one_text_within_its_budget_that_names_its_memories) {
    for (int i = 0; i < 8; ++i) {
        world_.remember("heron fact " + std::to_string(i) + " " + std::string(500, 'x'));
    }
    const Json pack = world_.ask("context.pack", {{"query", "heron"}, {"token_budget", 300}});
    EXPECT_LE(pack["tokens"], 300);
    EXPECT_GT(pack["left_out"], 0);
    ASSERT_FALSE(pack["memories"].empty());
    EXPECT_THAT(pack["text"].get<std::string>(),
                HasSubstr("(" + pack["memories"][0].get<std::string>() + ")"));
}

TEST_F(Heart, notes_become_a_memory_and_are_closed) {
    const std::string pad =
        world_.ask("scratchpad.create", {{"name", "bridge plan"}})["scratchpad_id"];
    world_.ask("scratchpad.update",
               {{"scratchpad_id", pad}, {"section", "todo"}, {"content", "measure"}});
    world_.ask("scratchpad.update",
               {{"scratchpad_id", pad}, {"section", "todo"}, {"content", "build"}});
    EXPECT_EQ(world_.ask("scratchpad.read", {{"scratchpad_id", pad}})["sections"][0]["content"],
              "measure\nbuild");
    EXPECT_EQ(world_.error("scratchpad.read", {{"scratchpad_id", pad}, {"section", "none"}}),
              "not_found");
    EXPECT_EQ(world_.ask("scratchpad.read")["count"], 1);
    const std::string memory = world_.ask(
        "scratchpad.finalize", {{"scratchpad_id", pad}, {"type", "decision"}})["memory_id"];
    const Json read = world_.ask("memory.read", {{"ids", {memory}}})["memories"][0];
    EXPECT_EQ(read["type"], "decision");
    EXPECT_THAT(read["content"].get<std::string>(), HasSubstr("measure\nbuild"));
    EXPECT_EQ(world_.error("scratchpad.update",
                           {{"scratchpad_id", pad}, {"section", "x"}, {"content", "y"}}),
              "conflict");
}

TEST_F(Heart, a_failed_finalize_leaves_the_notes_open) {
    const std::string pad = world_.ask("scratchpad.create", {{"name", "empty"}})["scratchpad_id"];
    EXPECT_EQ(world_.error("scratchpad.finalize", {{"scratchpad_id", pad}}), "invalid_argument");
    world_.ask("scratchpad.update", {{"scratchpad_id", pad}, {"section", "x"}, {"content", "y"}});
}

TEST_F(Heart, a_session_is_handed_to_another_agent_with_its_checkpoint) {
    const std::string session = world_.ask("session.start", {{"name", "shift"}})["session_id"];
    world_.ask("session.checkpoint", {{"session_id", session}, {"name", "evening"}});
    const std::string handoff =
        world_.ask("handoff.offer", {{"session_id", session}, {"to", "bob"}})["handoff_id"];
    EXPECT_EQ(world_.error("handoff.accept", {{"handoff_id", handoff}}, call::Role::Agent, "eve"),
              "not_found");
    EXPECT_EQ(world_.ask("handoff.list", {}, call::Role::Agent, "bob")["count"], 1);
    const Json accepted =
        world_.ask("handoff.accept", {{"handoff_id", handoff}}, call::Role::Agent, "bob");
    EXPECT_EQ(accepted["checkpoint"]["name"], "evening");
    EXPECT_EQ(world_.error("session.resume", {{"session_id", session}}), "not_found");
    world_.ask("session.resume", {{"session_id", session}}, call::Role::Agent, "bob");
}

TEST_F(Heart, a_cut_answer_is_read_to_its_end_by_its_caller_alone) {
    const std::string id = world_.remember("begin " + std::string(150'000, 'x') + " end");
    const Json cut = world_.ask("memory.read", {{"ids", {id}}});
    ASSERT_TRUE(cut.contains("result_id")) << cut.dump().substr(0, 300);
    std::string whole;
    std::size_t offset = 0;
    for (int slice = 0; slice < 20; ++slice) {
        const Json part =
            world_.ask("result.read", {{"result_id", cut["result_id"]}, {"offset", offset}});
        whole += part["text"].get<std::string>();
        if (!part.contains("next_offset")) {
            break;
        }
        offset = part["next_offset"];
    }
    EXPECT_EQ(Json::parse(whole)["memories"][0]["id"], id);
    EXPECT_EQ(
        world_.error("result.read", {{"result_id", cut["result_id"]}}, call::Role::Agent, "bob"),
        "not_found");
}

}  // namespace
}  // namespace resonant::tools
