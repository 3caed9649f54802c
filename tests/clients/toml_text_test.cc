#include "resonant/clients/toml_text.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <random>

namespace resonant::clients {
namespace {

const json::SourcePath kPath = {"mcp_servers", "resonant"};

json::Ordered block() {
    json::Ordered made;
    made["command"] = "/opt/resonant \"x\"\\y";
    made["args"] = {"mcp", "--home", "/home/\xC3\xA4"};
    return made;
}

Json value(std::string_view text) {
    const Result<Json> made = read_toml(text);
    EXPECT_TRUE(made) << made.error().message << "\n" << text;
    return made.value_or(Json());
}

TEST(TomlText, a_server_comes_last_and_nothing_else_changes) {
    for (const char* text : {"", "model = \"x\"\n", "model = \"x\"", "[a]\nb = 1 # c\n\n", "# only a comment\r\n[a]\r\nb = 1\r\n",
                             "[mcp_servers]\n", "[mcp_servers.other]\ncommand = 'x'\n"}) {
        const Result<std::string> made = put_toml_server(text, kPath, block());
        ASSERT_TRUE(made) << text << made.error().message;
        EXPECT_TRUE(made->starts_with(text)) << *made;
        EXPECT_EQ(value(*made)["mcp_servers"]["resonant"], Json::parse(block().dump()));
        EXPECT_EQ(put_toml_server(*made, kPath, block()).value_or(""), *made);
    }
}

TEST(TomlText, a_table_that_is_there_gets_new_values_and_keeps_the_rest) {
    const std::string text = "[mcp_servers.resonant] # mine\nargs = [\n  \"old\", # x\n]\nstartup_timeout_sec = 5 # slow\ncommand = '/old'\n[next]\n";
    const Result<std::string> made = put_toml_server(text, kPath, block());
    ASSERT_TRUE(made);
    EXPECT_NE(made->find("[mcp_servers.resonant] # mine\nargs = ["), std::string::npos) << *made;
    EXPECT_NE(made->find("startup_timeout_sec = 5 # slow\n"), std::string::npos);
    EXPECT_EQ(value(*made)["mcp_servers"]["resonant"]["command"], block()["command"].get<std::string>());
}

TEST(TomlText, a_server_goes_however_it_is_written) {
    const char* kRest = "# head\nx = 1\n";
    for (const char* server : {"[mcp_servers.a]\ncommand = 'x'\n", "[mcp_servers.a]\n# inside\ncommand = 'x'\n[mcp_servers.a.env]\nA = '''\n[no]\n'''\n",
                               "mcp_servers.a.command = 'x'\nmcp_servers.a.args = [\n'y',\n]\n", "[mcp_servers]\na = { command = 'x' }\n",
                               "[mcp_servers]\na.command = 'x' # c\n", "[mcp_servers.\"a\"]\ncommand = 'x'\nargs = [\"]\", \"[mcp_servers.b]\"]\n",
                               "[mcp_servers.a.env]\nA = 'x'\n[mcp_servers.a]\ncommand = 'x'\n"}) {
        const std::string text = std::string(kRest) + server + "[z]\ny = '[mcp_servers.a]' # kept\n";
        const Result<std::string> made = take_toml_server(text, {"mcp_servers", "a"});
        ASSERT_TRUE(made) << made.error().message;
        Json wanted = value(text);
        wanted["mcp_servers"].erase("a");
        Json now = value(*made);
        if (!now.contains("mcp_servers")) {
            wanted.erase("mcp_servers");
        }
        EXPECT_EQ(now, wanted) << text << "----\n" << *made;
        EXPECT_TRUE(made->starts_with(kRest)) << *made;
        EXPECT_TRUE(made->ends_with("[z]\ny = '[mcp_servers.a]' # kept\n")) << *made;
    }
}

TEST(TomlText, what_is_broken_is_refused_with_line_and_column) {
    const Result<Json> made = read_toml("a = 1\nb = \n");
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().message.find("line 2"), std::string::npos) << made.error().message;
    EXPECT_FALSE(put_toml_server("a = [", kPath, block()));
    EXPECT_FALSE(take_toml_server("a = [", kPath));
}

TEST(TomlText, random_files_change_in_nothing_but_the_server_that_is_meant) {
    for (std::uint64_t seed = 1; seed <= 400; ++seed) {
        std::mt19937_64 random(seed);
        const auto one_of = [&](std::initializer_list<const char*> texts) { return std::string(*(texts.begin() + random() % texts.size())); };
        std::string text = one_of({"", "# c\n", "model = \"m\" # [mcp_servers.x]\n"});
        for (const char* name : {"a", "b", "c"}) {
            text += one_of({"", "\n", "# about it\n", "\r\n"});
            text += fmt::format("[mcp_servers.{}]{}\n", name, one_of({"", " # t", "  "}));
            text += one_of({"command = 'x'\n", "command = \"x\" # c\nargs = [\"[q]\",\n # in\n 'b']\n", "url = 'https://h/'\n\n"});
            text += one_of({"", fmt::format("[mcp_servers.{}.env]\nA = '1'\n", name).c_str(), fmt::format("env = {{ A = \"}}\" }}\n").c_str(), "\n\n"});
            text += one_of({"", fmt::format("[other_{}]\nx = 1979-05-27\n", name).c_str(), fmt::format("[[list_{}]]\ny = 1\n", name).c_str()});
        }
        const std::string name = one_of({"a", "b", "c"});
        const Result<std::string> made = take_toml_server(text, {"mcp_servers", name});
        ASSERT_TRUE(made) << "seed " << seed;
        Json wanted = value(text);
        wanted["mcp_servers"].erase(name);
        ASSERT_EQ(value(*made), wanted) << "seed " << seed << "\n" << text << "----\n" << *made;
        const Result<std::string> more = put_toml_server(text, kPath, block());
        ASSERT_TRUE(more && more->starts_with(text)) << "seed " << seed;
        ASSERT_EQ(take_toml_server(*more, kPath).value_or("").substr(0, text.size()), text) << "seed " << seed;
    }
}

}  // namespace
}  // namespace resonant::clients
