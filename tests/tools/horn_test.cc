#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "resonant/tools/answers.h"
#include "tests/support/world.h"

namespace resonant::tools {
namespace {

using testing::HasSubstr;

class Horn : public testing::Test {
  protected:
    std::string start(const std::string& name) {
        return world_.ask("session.start", {{"name", name}, {"goals", {"ship it"}}})["session_id"];
    }
    test::World world_;
};

TEST_F(Horn, a_session_resumes_after_the_kernel_died_with_goals_checkpoints_and_memories) {
    const std::string id = start("release");
    world_.ask("memory.add", {{"content", "the tag is v1"}, {"session_id", id}});
    world_.ask("memory.add",
               {{"content", "never force-push"}, {"session_id", id}, {"protect", true}});
    const Json pad = world_.ask("scratchpad.create", {{"name", "plan"}, {"session_id", id}});
    world_.ask("scratchpad.update",
               {{"scratchpad_id", pad["scratchpad_id"]}, {"section", "todo"}, {"content", "tag"}});
    world_.ask("session.checkpoint", {{"session_id", id}, {"name", "half way"}});
    world_.restart();
    const Json back = world_.ask("session.resume", {{"session_id", id}});
    EXPECT_EQ(back["goals"], Json({"ship it"}));
    ASSERT_EQ(back["checkpoints"].size(), 1U);
    EXPECT_EQ(back["checkpoints"][0]["state"]["notes"][0]["sections"]["todo"], "tag");
    EXPECT_EQ(back["checkpoints"][0]["state"]["memories"].size(), 2U);
    ASSERT_EQ(back["memories"].size(), 2U);
    EXPECT_EQ(back["memories"][0]["content"], "never force-push");  // the pinned one first
}

TEST_F(Horn, a_resumed_session_tells_its_last_calls) {
    const std::string id = start("release");
    world_.ask("memory.add", {{"content", "the tag is v1"}, {"session_id", id}});
    const Json back = world_.ask("session.resume", {{"session_id", id}});
    ASSERT_FALSE(back["last_calls"].empty());
    EXPECT_THAT(back["last_calls"].dump(), HasSubstr("memory.add"));
}

TEST_F(Horn, the_end_of_a_session_becomes_a_memory_that_recall_finds) {
    const std::string id = start("release");
    const Json ended =
        world_.ask("session.end", {{"session_id", id}, {"summary", "shipped the zebra build"}});
    const Json read = world_.ask("memory.read", {{"ids", {ended["memory_id"]}}});
    EXPECT_EQ(read["memories"][0]["content"], "shipped the zebra build");
    EXPECT_EQ(world_.ask("memory.recall", {{"query", "zebra"}})["hits"][0]["id"],
              ended["memory_id"]);
    EXPECT_EQ(world_.error("session.end", {{"session_id", id}}), "conflict");
}

TEST_F(Horn, an_end_without_words_says_goals_and_checkpoints) {
    const std::string id = start("release");
    world_.ask("session.checkpoint", {{"session_id", id}, {"name", "half way"}});
    const Json ended = world_.ask("session.end", {{"session_id", id}});
    EXPECT_THAT(ended["summary"].get<std::string>(),
                testing::AllOf(HasSubstr("ship it"), HasSubstr("half way")));
}

TEST_F(Horn, sessions_page_newest_first_and_are_the_callers_own) {
    for (const char* name : {"one", "two", "three"}) {
        start(name);
    }
    const Json first = world_.ask("session.list", {{"limit", 2}});
    EXPECT_EQ(first["sessions"][0]["name"], "three");
    const Json second = world_.ask("session.list", {{"limit", 2}, {"cursor", first["cursor"]}});
    EXPECT_EQ(second["sessions"][0]["name"], "one");
    EXPECT_EQ(world_.ask("session.list", {}, call::Role::Agent, "bob")["count"], 0);
    const std::string stolen = first["sessions"][0]["session_id"];
    EXPECT_EQ(world_.error("session.resume", {{"session_id", stolen}}, call::Role::Agent, "bob"),
              "not_found");
}

TEST_F(Horn, a_session_is_the_default_of_its_connection_alone) {
    call::Request request;
    request.tool = "session.start";
    request.arguments = {{"name", "here"}};
    request.caller = {.principal = "ada", .client = "", .role = call::Role::Agent, .connection = 7};
    const std::string id = world_.parts().dispatcher->run(request).content["session_id"];
    request.tool = "memory.add";
    request.arguments = {{"content", "during the session"}};
    const std::string memory = world_.parts().dispatcher->run(request).content["id"];
    const std::string other = world_.remember("outside any session");
    const Json read = world_.ask("memory.read", {{"ids", {memory, other}}, {"metadata", true}});
    EXPECT_EQ(read["memories"][0]["session_id"], id);
    EXPECT_EQ(read["memories"][1]["session_id"], "");
}

TEST_F(Horn, bootstrap_answers_once_with_health_sessions_memories_and_tools) {
    const std::string id = start("release");
    const std::string memory = world_.remember("the quokka deploys on fridays");
    const Json answer = world_.ask("session.bootstrap", {{"query", "quokka"}});
    EXPECT_THAT(answer["health"].get<std::string>(), HasSubstr("ready"));
    EXPECT_EQ(answer["sessions"][0]["session_id"], id);
    EXPECT_EQ(answer["memories"][0]["id"], memory);
    EXPECT_THAT(answer["tools"].dump(), HasSubstr("memory.recall"));
}

TEST_F(Horn, bootstrap_keeps_to_its_token_budget) {
    for (int i = 0; i < 20; ++i) {
        world_.remember("note " + std::to_string(i) + " about the quokka " +
                        std::string(2'000, 'x'));
    }
    for (const int budget : {200, 400, 1200}) {
        const Json answer =
            world_.ask("session.bootstrap", {{"query", "quokka"}, {"token_budget", budget}});
        EXPECT_LE(tokens_of(json::dump(answer)), static_cast<std::size_t>(budget) + 60) << budget;
    }
}

}  // namespace
}  // namespace resonant::tools
