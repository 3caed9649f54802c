#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "tests/support/world.h"

namespace resonant::tools {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> files_with(const fs::path& folder, const std::string& text) {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file()) {
            continue;
        }
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
        if (content.find(text) != std::string::npos) {
            found.push_back(entry.path().filename().string());
        }
    }
    return found;
}

TEST(Void, an_erased_text_is_in_no_file_of_the_home) {
    test::World world;
    const std::string secret = "quizzaciously-secret-heron";
    const std::string id = world.remember("the password is " + secret);
    ASSERT_FALSE(files_with(world.home(), secret).empty()) << "the text is stored in plain before it is erased";
    const Json answer = world.ask("memory.erase", {{"id", id}, {"reason", "the person asked for it"}}, call::Role::Owner);
    EXPECT_EQ(answer["erased"], true);
    EXPECT_EQ(files_with(world.home(), secret), std::vector<std::string>{});
    EXPECT_EQ(world.error("memory.history", {{"id", id}}), "not_found");
    EXPECT_TRUE(world.parts().ledger->verify().ok);
    const Json trace = world.ask("karma.trace", {{"tool", "memory.erase"}});
    EXPECT_FALSE(trace["entries"].empty());
}

TEST(Void, only_the_owner_erases) {
    test::World world;
    const std::string id = world.remember("keep me");
    EXPECT_EQ(world.error("memory.erase", {{"id", id}, {"reason", "because"}}), "permission_denied");
    EXPECT_EQ(world.ask("memory.read", {{"ids", {id}}})["memories"][0]["content"], "keep me");
}

TEST(Void, the_dashboard_counts_memories_by_zone) {
    test::World world;
    world.remember("one");
    const std::string pinned = world.remember("two");
    world.ask("memory.protect", {{"id", pinned}, {"protected", true}});
    const Json map = world.ask("galactic.dashboard");
    EXPECT_EQ(map["total"], 2);
    EXPECT_EQ(map["protected"], 1);
    EXPECT_EQ(map["zones"]["core"], 1) << map.dump();
}

}  // namespace
}  // namespace resonant::tools
