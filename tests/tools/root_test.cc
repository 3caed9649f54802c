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

}  // namespace
}  // namespace resonant::tools
