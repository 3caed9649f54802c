#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/world.h"

namespace resonant::tools {
namespace {

TEST(Root, health_is_one_line_and_a_report_has_sections) {
    test::World world;
    EXPECT_EQ(world.ask("health.check")["ready"], true);
    world.remember("one");
    const Json report = world.ask("health.report");
    EXPECT_EQ(report["memory"]["memories"], 1);
    EXPECT_GT(report["ring"]["published"], 0);
    EXPECT_EQ(report["ledger"]["verified"], true);
    const Json section = world.ask("health.report", {{"section", "ring"}});
    EXPECT_EQ(section.size(), 1U);
    EXPECT_EQ(world.error("health.report", {{"section", "moon"}}), "not_found");
}

TEST(Root, paths_are_those_of_this_home_and_exist) {
    test::World world;
    const Json paths = world.ask("state.paths");
    EXPECT_EQ(paths["home"], world.parts().home.root.string());
    for (const char* name : {"home", "database", "policy", "inbox", "token"}) {
        EXPECT_TRUE(std::filesystem::exists(paths[name].get<std::string>())) << name;
    }
}

TEST(Root, native_status_measures_and_names_the_kernel) {
    test::World world;
    const Json status = world.ask("native.status");
    EXPECT_GT(status["memory_read_gb_s"], 0);
    EXPECT_FALSE(status["search_kernel"].get<std::string>().empty());
    EXPECT_EQ(status["ipc"]["channels_in_use"], Json::array()) << "nobody asked for one";
    EXPECT_THAT(status["search"].get<std::string>(), ::testing::HasSubstr("exact"));
}

TEST(Root, status_counts_memories_of_every_galaxy_and_those_that_have_no_vector) {
    test::World world;  // without a model
    world.remember("in the default galaxy");
    world.ask("galaxy.create", {{"name", "other"}});
    world.remember("elsewhere", {{"galaxy", "other"}});
    const Json status = world.parts().status();
    EXPECT_EQ(status["memories"], 2);
    EXPECT_EQ(status["unembedded"], 2) << "not zero because nobody counts them";
    const Json memory = world.ask("health.report", {{"section", "memory"}})["memory"];
    EXPECT_EQ(memory["memories"], 2);
    EXPECT_EQ(memory["waiting_for_vectors"], 2);
}

TEST(Root, a_pause_is_shown_to_whoever_is_refused_and_wherever_health_is_asked_for) {
    test::World world;
    EXPECT_FALSE(world.parts().status().contains("standings"));
    world.ask("agent.suspend", {{"agent", "*"}, {"suspended", true}, {"reason", "the disk is changed"}}, call::Role::Coordinator);
    for (const Json& shown : {world.call("health.check").content, world.parts().status(),
                              world.ask("health.check", Json::object(), call::Role::Owner, "owner"),
                              world.ask("swarm.status", Json::object(), call::Role::Owner, "owner")}) {
        EXPECT_NE(shown.dump().find("the disk is changed"), std::string::npos) << shown.dump();
    }
    EXPECT_NE(world.ask("session.bootstrap", Json::object(), call::Role::Owner, "owner")["health"].get<std::string>().find("paused"),
              std::string::npos);
    world.restart();
    EXPECT_NE(world.call("health.check").content.dump().find("the disk is changed"), std::string::npos);
    world.ask("agent.suspend", {{"agent", "*"}, {"suspended", false}, {"reason", ""}}, call::Role::Owner, "owner");
    EXPECT_FALSE(world.parts().status().contains("standings"));
}

}  // namespace
}  // namespace resonant::tools
