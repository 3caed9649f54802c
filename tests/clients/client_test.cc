#include "resonant/clients/client.h"

#include <gtest/gtest.h>

#include <map>

namespace resonant::clients {
namespace {

Surroundings around(std::map<std::string, std::string> variables) {
    return {.user = "/people/ada", .variable = [variables](const std::string& name) {
                const auto found = variables.find(name);
                return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
            }};
}

std::string first_place(const char* client, std::map<std::string, std::string> variables) {
    return places_of(*find_client(client), around(std::move(variables))).front().string();
}

TEST(Client, each_of_the_ten_has_a_place_and_is_known_by_its_file) {
    EXPECT_EQ(all_clients().size(), 10U);
    for (const Client& client : all_clients()) {
        for (const std::filesystem::path& place : places_of(client, around({}))) {
            EXPECT_TRUE(place.is_absolute()) << place;
            EXPECT_EQ(project_of(place, around({})), "") << place;
            if (place.filename() != "config.json") {
                EXPECT_EQ(client_of_file(place), &client) << place;
            }
        }
        EXPECT_FALSE(client.afterwards.empty());
        EXPECT_NE(client_names().find(client.name), std::string::npos);
    }
    EXPECT_EQ(find_client("emacs"), nullptr);
}

TEST(Client, variables_move_the_places_that_are_documented_to_move) {
    EXPECT_EQ(first_place("claude", {}), "/people/ada/.claude.json");
    EXPECT_EQ(first_place("claude", {{"CLAUDE_CONFIG_DIR", "/c"}}), "/c/.claude.json");
    EXPECT_EQ(first_place("codex", {{"CODEX_HOME", "/x"}}), "/x/config.toml");
    EXPECT_EQ(first_place("zed", {{"XDG_CONFIG_HOME", "/cfg"}}), "/cfg/zed/settings.json");
    EXPECT_EQ(first_place("zed", {{"XDG_CONFIG_HOME", "relative"}}), "/people/ada/.config/zed/settings.json");
    EXPECT_EQ(first_place("opencode", {{"OPENCODE_CONFIG", "/o.json"}}), "/o.json");
    EXPECT_EQ(first_place("cline", {{"CLINE_MCP_SETTINGS_PATH", "/l.json"}}), "/l.json");
}

TEST(Client, files_of_a_project_know_their_folder) {
    EXPECT_EQ(project_of("/p/.mcp.json", around({})), "/p");
    EXPECT_EQ(project_of("/p/.vscode/mcp.json", around({})), "/p");
    EXPECT_EQ(project_of("/p/.cursor/mcp.json", around({})), "/p");
    EXPECT_EQ(project_of("/p/opencode.json", around({})), "/p");
    EXPECT_EQ(project_of("/p/anything.json", around({})), "");
}

TEST(Client, every_block_starts_this_program_on_that_home) {
    for (const Client& client : all_clients()) {
        const std::string text = own_entry(client, "/bin/resonant", "/h").dump();
        EXPECT_NE(text.find("/bin/resonant"), std::string::npos);
        EXPECT_NE(text.find("\"mcp\",\"--home\",\"/h\""), std::string::npos) << text;
    }
}

}  // namespace
}  // namespace resonant::clients
