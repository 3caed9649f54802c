#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "resonant/tools/tool_search.h"
#include "tests/support/world.h"

namespace resonant::tools {
namespace {

using testing::Contains;
using testing::HasSubstr;

class Ghost : public testing::Test {
  protected:
    std::vector<std::string> suggested(const std::string& goal) {
        std::vector<std::string> names;
        const Json answer = world_.ask("capability.suggest", {{"goal", goal}});
        for (const Json& tool : answer["tools"]) {
            names.push_back(tool["tool"]);
        }
        return names;
    }
    std::size_t built() { return world_.parts().toolbox.tools().size(); }

    test::World world_;
};

TEST_F(Ghost, suggest_finds_the_tool_for_a_goal_with_an_example_call) {
    EXPECT_EQ(suggested("store one memory").front(), "memory.add");
    EXPECT_THAT(suggested("run a program isolated without network"), Contains("sandbox.run"));
    EXPECT_THAT(suggested("bring back an archived memory"), Contains("memory.restore"));
    const Json answer =
        world_.ask("capability.suggest", {{"goal", "store one memory"}, {"limit", 1}});
    ASSERT_EQ(answer["count"], 1);
    EXPECT_TRUE(answer["tools"][0]["example"]["args"].contains("content"));
    EXPECT_EQ(answer["tools"][0]["gana"], "gana_neck_save");
    EXPECT_THAT(answer["tools"][0]["why"].get<std::string>(), HasSubstr("memory"));
    EXPECT_THAT(answer["note"].get<std::string>(), HasSubstr("words only"));
    EXPECT_EQ(world_.ask("capability.suggest", {{"goal", "zzzz qqqq"}})["count"], 0);
}

TEST_F(Ghost, tools_of_other_servers_are_suggested_listed_and_described) {
    world_.parts().services.search->put(
        "poet", {{.name = "poet__translate",
                  .description = "Translate poetry into Klingon",
                  .input_schema = Json::parse(R"({"properties": {"verse": {}}, "required": ["verse"]})")}});
    const Json found = world_.ask("capability.suggest", {{"goal", "poetry in Klingon"}})["tools"][0];
    EXPECT_EQ(found["tool"], "poet__translate");
    EXPECT_EQ(found["example"]["args"], Json({{"verse", "text"}}));
    EXPECT_EQ(found["gana"], world_.parts().toolbox.families()[25].wire_name);
    const Json listed = world_.ask("capability.matrix", {{"query", "Klingon"}})["tools"][0];
    EXPECT_EQ(listed["server"], "poet");
    const Json schema = world_.ask("tool.schema", {{"tools", {"poet__translate"}}})["tools"][0];
    EXPECT_EQ(schema["input_schema"]["required"], Json({"verse"}));
    EXPECT_EQ(world_.ask("capability.matrix", {{"detail", "names"}})["total"], built() + 1);
}

TEST_F(Ghost, matrix_pages_through_all_tools_once_in_the_order_of_the_catalogue) {
    std::vector<std::string> names;
    Json arguments = {{"detail", "names"}, {"limit", 50}};
    for (bool more = true; more;) {
        const Json answer = world_.ask("capability.matrix", arguments);
        for (const Json& name : answer["tools"]) {
            names.push_back(name);
        }
        more = answer.contains("cursor");
        arguments["cursor"] = answer.value("cursor", "");
    }
    EXPECT_EQ(names.size(), built());
    EXPECT_EQ(names.front(), "session.start");
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), built());
}

TEST_F(Ghost, matrix_filters_by_family_and_access_and_shows_what_is_planned_when_asked) {
    const Json neck = world_.ask("capability.matrix", {{"gana", "gana_neck_save"}});
    EXPECT_EQ(neck["total"], 9);
    const Json destroying = world_.ask("capability.matrix", {{"access", "delete"}});
    ASSERT_EQ(destroying["total"], 1);
    EXPECT_EQ(destroying["tools"][0]["tool"], "memory.erase");
    EXPECT_EQ(destroying["tools"][0]["role"], "owner");
    const Json planned = world_.ask("capability.matrix", {{"planned", true}});
    EXPECT_EQ(planned["total"], world_.parts().toolbox.planned().size());
    EXPECT_EQ(world_.error(planned["tools"][0]["tool"], {}, call::Role::Observer), "unimplemented") << "before any denial";
    EXPECT_EQ(world_.error("capability.matrix", {{"gana", "knee"}}), "not_found");
}

TEST_F(Ghost, schema_gives_what_a_call_needs_and_names_near_tools_for_a_wrong_one) {
    const Json answer = world_.ask("tool.schema", {{"tools", {"memory.add"}}});
    EXPECT_EQ(answer["tools"][0]["input_schema"]["required"], Json({"content"}));
    const call::Reply wrong = world_.call("tool.schema", {{"tools", {"memory.ad"}}});
    EXPECT_TRUE(wrong.error);
    EXPECT_THAT(wrong.content.dump(), HasSubstr("memory.add"));
}

TEST_F(Ghost, explain_tells_who_would_deny_and_runs_nothing) {
    const Json allowed =
        world_.ask("tool.explain", {{"tool", "memory.add"}, {"arguments", {{"content", "x"}}}});
    EXPECT_EQ(allowed["allowed"], true);
    EXPECT_TRUE(allowed["argument_errors"].empty());
    EXPECT_EQ(world_.ask("memory.list")["count"], 0);
    const Json denied =
        world_.ask("tool.explain", {{"tool", "memory.erase"}, {"arguments", {{"id", "m1"}}}});
    EXPECT_EQ(denied["allowed"], false);
    EXPECT_EQ(denied["denied_by"], "roles");
    EXPECT_THAT(denied["argument_errors"].dump(), HasSubstr("reason"));
}

TEST_F(Ghost, what_is_planned_is_in_no_suggestion_and_no_search) {
    std::string all = world_.ask("capability.list").dump() + world_.ask("session.bootstrap").dump();
    for (const char* goal : {"vote on a proposal", "lock a resource", "submit a task to a queue", "fetch a web page",
                             "record a metric", "thank another agent", "run a pipeline of several steps"}) {
        all += world_.ask("capability.suggest", {{"goal", goal}, {"limit", 25}}).dump();
        all += world_.ask("capability.matrix", {{"query", goal}, {"limit", 200}}).dump();
    }
    for (const Tool& tool : world_.parts().toolbox.tools()) {
        all += world_.ask("tool.graph", {{"tool", tool.contract.name}}).dump();
    }
    for (const call::Contract& contract : world_.parts().toolbox.planned()) {
        EXPECT_EQ(all.find('"' + contract.name + '"'), std::string::npos) << contract.name;
        for (const char* tool : {"tool.explain", "tool.graph"}) {
            EXPECT_EQ(world_.error(tool, {{"tool", contract.name}}), "unimplemented");
        }
    }
}

TEST_F(Ghost, an_agent_asks_about_itself_and_a_coordinator_about_anybody) {
    const Json mine = world_.ask("tool.explain", {{"tool", "dharma.reload"}});
    EXPECT_EQ(mine["judged_as"]["principal"], "ada");
    EXPECT_EQ(mine["denial"]["stage"], "roles");
    EXPECT_EQ(mine["denial"], world_.call("dharma.reload").content["denial"]) << "the words of a real call";
    EXPECT_EQ(world_.error("tool.explain", {{"tool", "dharma.reload"}, {"as", "uid:7"}}), "permission_denied");
    const Json theirs = world_.ask("tool.explain", {{"tool", "dharma.reload"}, {"as", "uid:7"}, {"role", "owner"}},
                                   call::Role::Coordinator);
    EXPECT_EQ(theirs["judged_as"]["principal"], "uid:7");
    EXPECT_EQ(theirs["allowed"], true);
}

TEST_F(Ghost, gnosis_says_well_until_a_board_word_is_poked) {
    EXPECT_EQ(world_.ask("gnosis")["status"], "well");
    board::Harmony ill;
    ill.reliability = 0.2;
    world_.parts().plane->board().write(ill);
    const Json poked = world_.ask("gnosis");
    EXPECT_EQ(poked["alerts"][0]["what"], "harmony.reliability");
    EXPECT_EQ(poked["next_actions"][0]["tool"], "karma.trace");
    EXPECT_LE(poked["next_actions"].size(), 5U);
}

TEST_F(Ghost, gnosis_names_open_breakers_and_waiting_consents) {
    world_.parts().plane->board().set_breaker(3, 1);
    world_.ask("consent.request", {{"action", "sandbox.run"}, {"reason", "the build"}});
    const Json answer = world_.ask("gnosis");
    EXPECT_THAT(answer["alerts"].dump(), HasSubstr("breaker.room"));
    EXPECT_THAT(answer["alerts"].dump(), HasSubstr("consents"));
    EXPECT_EQ(world_.ask("gnosis", {{"portal", "breakers"}})["seen"].size(), 1U);
    EXPECT_EQ(world_.error("gnosis", {{"portal", "moon"}}), "not_found");
}

TEST_F(Ghost, facts_count_what_is_built) {
    const Json facts = world_.ask("capability.list");
    EXPECT_EQ(facts["tools"]["built"], built());
    EXPECT_EQ(facts["tools"]["built"], world_.ask("capability.matrix")["total"]);
}

TEST_F(Ghost, the_graph_tells_where_arguments_come_from_and_who_uses_the_answer) {
    const Json around = world_.ask("tool.graph", {{"tool", "session.checkpoint"}})["tools"][0];
    EXPECT_EQ(around["arguments_from"]["session_id"], Json({"session.start", "session.list"}));
    const Json start = world_.ask("tool.graph", {{"tool", "session.start"}})["tools"][0];
    EXPECT_THAT(start["answer_used_by"].dump(), HasSubstr("session.resume"));
    EXPECT_GT(world_.ask("tool.graph", {{"tool", "session.start"}, {"depth", 2}})["count"], 5);
    EXPECT_EQ(world_.error("tool.graph", {{"tool", "no.tool"}}), "not_found");
}

}  // namespace
}  // namespace resonant::tools
