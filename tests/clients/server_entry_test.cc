#include "resonant/clients/server_entry.h"

#include <gtest/gtest.h>

namespace resonant::clients {
namespace {

const EntryPlace kPlace = {.user = "/people/ada", .project = "", .folder = "/people/ada"};

Result<ServerFile> read(const std::string& text, const std::string& file = "/x/some.json", EntryPlace place = kPlace) {
    return read_servers(file, text, place, {.program = "/opt/resonant", .address = "http://127.0.0.1:7370/mcp"});
}

TEST(ServerEntry, what_is_not_such_a_file_is_refused) {
    for (const char* text : {"", "[]", "{}", R"({"servers": 5})", "{"}) {
        EXPECT_FALSE(read(text)) << text;
    }
}

TEST(ServerEntry, the_sections_of_all_clients_are_found_whatever_the_file_is_called) {
    for (const std::string text : {R"({"mcpServers": {"a": {"command": "x", "args": ["y"]}}})",
                                   R"({"servers": {"a": {"type": "stdio", "command": "x", "args": ["y"]}}})",
                                   R"({"mcp": {"servers": {"a": {"command": "x", "args": ["y"]}}}})",
                                   R"({"context_servers": {"a": {"command": "x", "args": ["y"]}}})",
                                   R"({"mcp": {"a": {"type": "local", "command": ["x", "y"]}}})",
                                   "{// comment\n\"mcpServers\": {\"a\": {\"command\": \"x\", \"args\": [\"y\",],}, // then a comment\n},}"}) {
        const auto file = read(text);
        ASSERT_TRUE(file) << text << file.error().message;
        ASSERT_EQ(file->servers.size(), 1U) << text;
        EXPECT_EQ(file->servers[0].record.command, (std::vector<std::string>{"x", "y"}));
    }
    const auto toml = read("[mcp_servers.a]\ncommand = 'x'\nargs = ['y']\n", "/x/config.toml");
    ASSERT_TRUE(toml && toml->servers.size() == 1);
}

TEST(ServerEntry, variables_stay_as_they_are_written) {
    const auto file = read(R"({"mcpServers": {"a": {"command": "${BIN}", "env": {"A": "${SET}", "B": "${env:SET}!", "C": "${NONE:-else}"}},
                                               "b": {"url": "https://${HOST}/mcp", "headers": {"Authorization": "Bearer ${TOKEN}"}}}})");
    ASSERT_TRUE(file);
    ASSERT_EQ(file->servers.size(), 2U) << (file->left_out.empty() ? "" : file->left_out[0]);
    EXPECT_EQ(file->servers[0].record.environment, (std::map<std::string, std::string>{{"A", "${SET}"}, {"B", "${env:SET}!"}, {"C", "${NONE:-else}"}}));
    EXPECT_EQ(file->servers[1].record.headers.at("Authorization"), "Bearer ${TOKEN}");
}

TEST(ServerEntry, switched_off_in_every_spelling_is_switched_off) {
    for (const char* off : {R"("disabled": true)", R"("enabled": false)", R"("isDisabled": true)", R"("isActive": false)", R"("disabled": "true")"}) {
        const auto file = read(std::string(R"({"mcpServers": {"a": {"command": "x", )") + off + "}}}");
        ASSERT_TRUE(file && file->servers.size() == 1) << off;
        EXPECT_TRUE(file->servers[0].record.disabled) << off;
    }
    const auto on = read(R"({"mcpServers": {"a": {"command": "x", "disabled": false, "enabled": true}}})");
    EXPECT_FALSE(on->servers[0].record.disabled);
}

TEST(ServerEntry, a_time_limit_has_the_unit_of_its_client) {
    const auto timeout = [](const char* file, const char* words) {
        const auto read_file = read(std::string(R"({"mcpServers": {"a": {"command": "x", "timeout": )") + words + "}}}", file);
        return read_file && !read_file->servers.empty() ? read_file->servers[0].record.timeout_s : -1;
    };
    EXPECT_EQ(timeout("/x/.gemini/settings.json", "600000"), 600);
    EXPECT_EQ(timeout("/x/.mcp.json", "500"), 0.5);
    EXPECT_EQ(timeout("/x/cline_mcp_settings.json", "1800"), 1800);
    EXPECT_EQ(timeout("/x/unknown.json", "90"), 90);
    EXPECT_EQ(timeout("/x/unknown.json", "90000"), 90);
    EXPECT_EQ(timeout("/x/cline_mcp_settings.json", "90000"), 3600);  // and it is said
}

TEST(ServerEntry, a_relative_path_needs_a_project_and_says_how_to_name_one) {
    const char* text = R"({"mcpServers": {"a": {"command": "./run.sh"}, "b": {"command": "x", "args": ["${workspaceFolder}/y"]},
                                         "c": {"command": "x", "cwd": "sub", "envFile": ".env"}}})";
    const auto without = read(text);
    ASSERT_TRUE(without);
    EXPECT_TRUE(without->servers.empty());
    ASSERT_EQ(without->left_out.size(), 3U);
    for (const std::string& words : without->left_out) {
        EXPECT_NE(words.find("--workspace DIR"), std::string::npos) << words;
    }
    const auto with = read(text, "/x/some.json", {.user = "/people/ada", .project = "/p", .folder = "/p"});
    ASSERT_TRUE(with && with->servers.size() == 3);
    EXPECT_EQ(with->servers[0].record.command[0], "/p/run.sh");
    EXPECT_EQ(with->servers[1].record.command[1], "/p/y");
    EXPECT_EQ(with->servers[2].record.folder, "/p/sub");
    EXPECT_EQ(with->servers[2].record.env_file, "/p/.env");
}

TEST(ServerEntry, two_servers_that_would_have_one_name_are_not_both_taken) {
    const auto file = read(R"({"mcpServers": {"a b": {"command": "x"}, "a.b": {"command": "y"}}})");
    ASSERT_TRUE(file);
    EXPECT_EQ(file->servers.size(), 1U);
    EXPECT_EQ(file->left_out.size(), 1U);
}

TEST(ServerEntry, this_program_is_known_by_name_by_path_and_by_address) {
    for (const char* own : {R"({"command": "/anywhere/resonant", "args": ["mcp"]})", R"({"command": ["resonant", "mcp", "--home", "/h"]})",
                            R"({"command": "env", "args": ["RESONANT_HOME=/h", "resonant", "mcp"]})", R"({"url": "http://localhost:7370/mcp"})",
                            R"({"command": "npx", "args": ["mcp-remote", "http://127.0.0.1:7370/mcp"]})", R"({"serverUrl": "http://127.0.0.1:7370/mcp/"})",
                            R"({"command": {"path": "resonant", "args": ["mcp"]}})"}) {
        const auto file = read(std::string(R"({"mcpServers": {"r": )") + own + R"(, "b": {"command": "x"}}})");
        ASSERT_TRUE(file) << own;
        EXPECT_TRUE(file->own) << own;
        EXPECT_EQ(file->servers.size(), 1U) << own;
    }
    for (const char* other : {R"({"command": "resonant-chimes", "args": ["mcp"]})", R"({"command": "x", "args": ["/opt/other/mcp"]})",
                              R"({"url": "http://127.0.0.1:7371/mcp"})"}) {
        EXPECT_FALSE(read(std::string(R"({"mcpServers": {"r": )") + other + "}}")->own) << other;
    }
}

TEST(ServerEntry, odd_values_are_refused_and_stop_nothing) {
    for (const char* odd : {"5", "null", "[]", R"({"command": 5, "args": {}})", R"({"command": "x", "args": "y"})", R"({"command": "x", "env": []})",
                            R"({"command": [[]]})", R"({"command": null, "url": null})", R"({"url": {}})", R"({"command": ""})",
                            R"({"command": "x", "tools": [1], "timeout": "soon", "oauth": 5, "enabled_tools": [null]})"}) {
        const auto file = read(std::string(R"({"mcpServers": {"odd": )") + odd + R"(, "good": {"command": "x"}}})");
        ASSERT_TRUE(file) << odd << file.error().message;
        EXPECT_FALSE(file->servers.empty()) << odd;
        EXPECT_EQ(file->servers.size() + file->left_out.size(), 2U) << odd;
    }
}

}  // namespace
}  // namespace resonant::clients
