#include "resonant/dispatch/router.h"

#include <gtest/gtest.h>

namespace resonant::dispatch {
namespace {

class RouterTest : public ::testing::Test {
  protected:
    RouterTest() : router_(catalogue_, nullptr) {
        const tools::Handler handler = [](call::Call&) -> Result<Json> { return Json::object(); };
        catalogue_.begin({"horn", "gana_horn_sessions", "角 Jiao", "East", "Work sessions"});
        catalogue_.add({.name = "session.start", .access = call::Access::Write, .core = true,
                        .parameters = "name*:string", .summary = "open a session"},
                       handler);
        catalogue_.begin({"neck", "gana_neck_save", "亢 Kang", "East", "Save memories"});
        catalogue_.add({.name = "memory.add", .access = call::Access::Write, .core = true,
                        .parameters = "content*:string title:string", .summary = "store one memory"},
                       handler);
    }

    Catalogue catalogue_;
    Router router_;
};

TEST_F(RouterTest, finds_a_tool_inside_its_family) {
    const auto route = router_.route("gana_neck_save", {{"tool", "memory.add"}, {"args", {{"content", "x"}}}});
    ASSERT_TRUE(route) << route.error().message;
    EXPECT_EQ(route->tool->contract.name, "memory.add");
    EXPECT_EQ(route->arguments, Json({{"content", "x"}}));
}

TEST_F(RouterTest, finds_a_tool_by_dotted_and_by_wire_name) {
    EXPECT_EQ(router_.route("memory.add", Json::object())->tool->contract.name, "memory.add");
    EXPECT_EQ(router_.route("memory_add", Json::object())->tool->contract.name, "memory.add");
}

TEST_F(RouterTest, takes_arguments_beside_tool_and_a_tool_of_another_family) {
    const auto route = router_.route("gana_horn_sessions", {{"tool", "memory_add"}, {"content", "x"}});
    ASSERT_TRUE(route) << route.error().message;
    EXPECT_EQ(route->tool->contract.name, "memory.add");
    EXPECT_EQ(route->arguments, Json({{"content", "x"}}));
}

TEST_F(RouterTest, null_leaves_out_what_may_be_left_out_and_nothing_else) {
    const auto route = router_.route("memory.add", {{"content", nullptr}, {"title", nullptr}, {"unknown", nullptr}});
    ASSERT_TRUE(route) << route.error().message;
    EXPECT_EQ(route->arguments, Json({{"content", nullptr}, {"unknown", nullptr}})) << "the schema answers these";
}

TEST_F(RouterTest, reads_args_that_were_sent_as_json_text) {
    const auto route = router_.route("neck", {{"tool", "memory.add"}, {"args", R"({"content":"x"})"}});
    ASSERT_TRUE(route) << route.error().message;
    EXPECT_EQ(route->arguments, Json({{"content", "x"}}));
}

TEST_F(RouterTest, a_misspelt_tool_is_answered_with_the_nearest_names_and_never_run) {
    const auto route = router_.route("gana_neck_save", {{"tool", "memory.ad"}});
    ASSERT_FALSE(route);
    EXPECT_EQ(route.error().code, Code::NotFound);
    EXPECT_NE(route.error().message.find("memory.add"), std::string::npos) << route.error().message;
}

TEST_F(RouterTest, a_family_that_is_half_named_is_among_the_nearest_names) {
    const auto route = router_.route("gana_neck", Json::object());
    ASSERT_FALSE(route);
    EXPECT_NE(route.error().message.find("nearest: gana_neck_save"), std::string::npos) << route.error().message;
}

TEST_F(RouterTest, takes_arguments_under_the_names_that_others_have_for_args) {
    for (const char* other : {"arguments", "parameters", "params", "input"}) {
        const auto route = router_.route("gana_neck_save", {{"tool", "memory.add"}, {other, {{"content", "x"}}}});
        ASSERT_TRUE(route) << route.error().message;
        EXPECT_EQ(route->arguments, Json({{"content", "x"}})) << other;
    }
    const auto both = router_.route("gana_neck_save", {{"tool", "memory.add"}, {"args", {{"content", "x"}}}, {"arguments", {{"title", "y"}}}});
    ASSERT_TRUE(both);
    EXPECT_TRUE(both->arguments.contains("arguments")) << "the schema answers what is beside args";
}

TEST_F(RouterTest, a_family_without_a_tool_says_which_tools_it_has) {
    const auto route = router_.route("gana_neck_save", Json::object());
    ASSERT_FALSE(route);
    EXPECT_EQ(route.error().code, Code::InvalidArgument);
    EXPECT_NE(route.error().message.find("memory.add"), std::string::npos) << route.error().message;
}

TEST_F(RouterTest, args_of_another_type_are_refused_with_their_type) {
    const auto route = router_.route("gana_neck_save", {{"tool", "memory.add"}, {"args", 7}});
    ASSERT_FALSE(route);
    EXPECT_NE(route.error().message.find("number"), std::string::npos) << route.error().message;
}

}  // namespace
}  // namespace resonant::dispatch
