#include "resonant/mcp/server_file.h"

#include <gtest/gtest.h>

namespace resonant::mcp {
namespace {

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
    spec.disabled = true;
    spec.tools_allowed = {"a", "b"};
    spec.tools_denied = {"b"};
    const auto back = spec_of(json_of(spec));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, spec);
    spec.url.clear();
    spec.headers.clear();
    spec.command = {"x", "${VAR}"};
    spec.env_file = "/e";
    EXPECT_EQ(spec_of(json_of(spec)).value_or(call::UpstreamSpec()), spec);
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
