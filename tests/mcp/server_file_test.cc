#include "resonant/mcp/server_file.h"

#include <gtest/gtest.h>

namespace resonant::mcp {
namespace {

std::optional<std::string> variable(const std::string& name) {
    return name == "SET" ? std::optional<std::string>("value") : std::nullopt;
}

TEST(ServerFile, what_is_no_such_file_is_refused) {
    EXPECT_FALSE(read_servers("", variable));
    EXPECT_FALSE(read_servers("[]", variable));
    EXPECT_FALSE(read_servers(R"({"servers": 5})", variable));
}

TEST(ServerFile, the_forms_of_four_clients_are_read) {
    for (const std::string text : {R"({"mcpServers": {"a": {"command": "x", "args": ["y"]}}})",
                                   R"({"servers": {"a": {"type": "stdio", "command": "x", "args": ["y"]}}})",
                                   R"({"mcp": {"servers": {"a": {"command": "x", "args": ["y"]}}}})",
                                   "{// comment\n\"mcpServers\": {\"a\": {\"command\": \"x\", \"args\": [\"y\",],},}}"}) {
        const auto file = read_servers(text, variable);
        ASSERT_TRUE(file) << text << file.error().message;
        ASSERT_EQ(file->servers.size(), 1U) << text;
        EXPECT_EQ(file->servers[0].command, (std::vector<std::string>{"x", "y"}));
    }
}

TEST(ServerFile, variables_are_filled_in_and_one_that_is_missing_leaves_its_server_out) {
    const auto file = read_servers(R"({"mcpServers": {
        "a": {"command": "x", "env": {"A": "${SET}", "B": "${env:SET}!", "C": "${NONE:-else}"}},
        "b": {"command": "${NONE}"}}})", variable);
    ASSERT_TRUE(file);
    ASSERT_EQ(file->servers.size(), 1U);
    EXPECT_EQ(file->servers[0].environment, (std::map<std::string, std::string>{{"A", "value"}, {"B", "value!"}, {"C", "else"}}));
    ASSERT_EQ(file->left_out.size(), 1U);
    EXPECT_NE(file->left_out[0].find("NONE"), std::string::npos);
}

TEST(ServerFile, two_servers_that_would_have_one_name_are_not_both_taken) {
    const auto file = read_servers(R"({"mcpServers": {"a b": {"command": "x"}, "a.b": {"command": "y"}}})", variable);
    ASSERT_TRUE(file);
    EXPECT_EQ(file->servers.size(), 1U);
    EXPECT_EQ(file->left_out.size(), 1U);
}

TEST(ServerFile, a_name_holds_no_double_underscore_and_is_short) {
    EXPECT_EQ(server_name("My  Server__x!"), "My_Server_x");
    EXPECT_LE(server_name(std::string(100, 'a')).size(), kServerNameMax);
}

TEST(ServerFile, a_spec_comes_back_from_its_json) {
    call::UpstreamSpec spec;
    spec.name = "a";
    spec.url = "https://example.org:8443/mcp";
    spec.headers = {{"Authorization", "Bearer x"}};
    spec.timeout_s = 5;
    spec.reads_only = true;
    const auto back = spec_of(json_of(spec));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, spec);
}

TEST(ServerFile, what_no_server_can_be_is_refused_with_the_value) {
    for (const char* text : {R"({"name": "a"})", R"({"name": "a", "command": ["x"], "url": "http://h/"})",
                             R"({"name": "a__b", "command": ["x"]})", R"({"name": "a", "url": "file:///etc/passwd"})",
                             R"({"name": "a", "url": "http://user:pw@h/"})", R"({"name": "a", "command": ["x"], "timeout_s": 0})",
                             R"({"name": "a", "url": "http://h/", "headers": {"X": "a\r\nY: b"}})"}) {
        EXPECT_FALSE(spec_of(Json::parse(text))) << text;
    }
}

}  // namespace
}  // namespace resonant::mcp
