#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/world.h"

namespace resonant::tools {
namespace {

class Room : public testing::Test {
  protected:
    void SetUp() override {
        if (!world_.parts().sandbox->status().available) {
            GTEST_SKIP() << world_.parts().sandbox->status().reason;
        }
    }
    test::World world_;
};

TEST_F(Room, a_safe_program_runs_and_gives_status_and_output) {
    const Json answer =
        world_.ask("sandbox.run", {{"command", {"/usr/bin/sort"}}, {"stdin", "b\na\n"}});
    EXPECT_EQ(answer["exit_status"], 0);
    EXPECT_EQ(answer["stdout"], "a\nb\n");
    EXPECT_EQ(world_.ask("sandbox.status")["runs"], 1);
}

TEST_F(Room, files_are_given_by_name_and_must_be_text) {
    const Json answer = world_.ask(
        "sandbox.run", {{"command", {"/bin/cat", "in.txt"}}, {"files", {{"in.txt", "hello"}}}});
    EXPECT_EQ(answer["stdout"], "hello");
    const Json number = {{"command", {"/bin/true"}}, {"files", {{"in.txt", 7}}}};
    EXPECT_EQ(world_.error("sandbox.run", number), "invalid_argument");
}

TEST_F(Room, network_and_impossible_limits_are_refused) {
    EXPECT_EQ(world_.error("sandbox.run", {{"command", {"/bin/true"}}, {"network", true}}),
              "permission_denied");
    EXPECT_EQ(world_.error("sandbox.run", {{"command", {"/bin/true"}}, {"timeout_s", -1}}),
              "invalid_argument");
    EXPECT_EQ(world_.error("sandbox.run", {{"command", Json::array()}}), "invalid_argument");
    EXPECT_EQ(world_.ask("sandbox.status")["runs"], 0);
}

TEST_F(Room, what_runs_too_long_is_said_to_have_timed_out) {
    const Json answer =
        world_.ask("sandbox.run", {{"command", {"/bin/sleep", "60"}}, {"timeout_s", 0.3}});
    EXPECT_EQ(answer["timed_out"], true);
}

}  // namespace
}  // namespace resonant::tools
