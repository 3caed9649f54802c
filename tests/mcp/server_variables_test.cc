#include "resonant/mcp/server_variables.h"

#include <gtest/gtest.h>

namespace resonant::mcp {
namespace {

const VariableSources kSources = {
    .variable = [](const std::string& name) { return name == "SET" ? std::optional<std::string>("value")
                                                    : name == "LINE" ? std::optional<std::string>("a\r\nX: y")
                                                    : name == "EMPTY" ? std::optional<std::string>("") : std::nullopt; },
    .input = [](const std::string& id) { return id == "key" ? std::optional<std::string>("typed") : std::nullopt; },
    .file = [](const std::string& path) -> Result<std::string> {
        return path == "/env" ? Result<std::string>("A=file\nB=\"two\\nlines\"\n")
               : path == "/token" ? Result<std::string>("secret\n") : fail(Code::NotFound, path + " is not there");
    }};

call::UpstreamSpec with(const std::string& text) {
    call::UpstreamSpec spec;
    spec.name = "s";
    spec.command = {"x", text};
    return spec;
}

std::string fill(const std::string& text) {
    const Result<call::UpstreamSpec> made = filled(with(text), kSources);
    return made ? made->command[1] : made.error().message;
}

TEST(ServerVariables, each_form_is_filled_in) {
    EXPECT_EQ(fill("${SET}/${env:SET}!${NONE:-else}${EMPTY:-e}${input:key}${file:/token}"), "value/value!elseetypedsecret");
    EXPECT_EQ(fill("${NONE:-}"), "");
}

TEST(ServerVariables, what_is_no_variable_stays_as_it_is) {
    for (const char* text : {"$SET", "${", "${SET", "${a b}", "${}", "${1x}", "${x.y}", "a$b", "{SET}"}) {
        EXPECT_EQ(fill(text), text);
    }
    EXPECT_EQ(fill("$${SET}"), "${SET}");
    EXPECT_EQ(fill("cost: $$5"), "cost: $$5");
}

TEST(ServerVariables, every_missing_one_is_named_with_a_way_out) {
    const Result<call::UpstreamSpec> made = filled(with("${NONE} ${OTHER} ${SET}"), kSources);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Code::NotFound);
    EXPECT_EQ(made.error().message, "${NONE}, ${OTHER} have no value; keep one with `resonant server secret s NONE`, or set it where the "
                                    "kernel is started");
    EXPECT_NE(filled(with("${input:other}"), kSources).error().message.find("server secret s other"), std::string::npos);
    EXPECT_FALSE(filled(with("${file:/none}"), kSources));
}

TEST(ServerVariables, a_file_of_variables_gives_way_to_what_is_written) {
    call::UpstreamSpec spec = with("");
    spec.env_file = "/env";
    spec.environment = {{"A", "mine"}};
    const Result<call::UpstreamSpec> made = filled(spec, kSources);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->environment, (std::map<std::string, std::string>{{"A", "mine"}, {"B", "two\nlines"}}));
    spec.env_file = "/none";
    EXPECT_FALSE(filled(spec, kSources));
}

TEST(ServerVariables, a_value_cannot_smuggle_in_a_header) {
    call::UpstreamSpec spec;
    spec.name = "s";
    spec.url = "https://${HOST:-h}/mcp";
    spec.headers = {{"Authorization", "Bearer ${SET}"}};
    ASSERT_TRUE(filled(spec, kSources));
    spec.headers = {{"Authorization", "Bearer ${LINE}"}};
    EXPECT_FALSE(filled(spec, kSources));
    spec.headers = {};
    spec.url = "${SET}";
    EXPECT_FALSE(filled(spec, kSources)) << "it is no address";
}

TEST(ServerVariables, lines_of_a_file_are_read_as_shells_write_them) {
    EXPECT_EQ(environment_lines("\xEF\xBB\xBF# c\r\nA=1\r\nexport B = two # c\n C='a # b'\nD=\"x\\\"y\"\nE=\nnot a line\n1F=x\nG=a=b"),
              (std::map<std::string, std::string>{{"A", "1"}, {"B", "two"}, {"C", "a # b"}, {"D", "x\"y"}, {"E", ""}, {"G", "a=b"}}));
    for (const char* odd : {"", "=", "A='", "A=\"", "A=\"\\", "\n\n", "A"}) {
        environment_lines(odd);
    }
}

}  // namespace
}  // namespace resonant::mcp
