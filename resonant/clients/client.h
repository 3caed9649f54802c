// A Client is a program that starts MCP servers: where its file lies, in which form it is written, and how a
// server looks in it. What is here is what the clients' documentation says (end of 2026).
//
// Any thread; plain values.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/json/source_edit.h"

namespace resonant::clients {

enum class Form : std::uint8_t { Jsonc, Toml };
// In which unit `timeout` of a server is written; Guessed: whoever reads judges by its size.
enum class Unit : std::uint8_t { Guessed, Millis, Seconds };
// What stands for the value of a variable in texts of a server.
enum class Variables : std::uint8_t { None, Braces, Dollar, Curly };  // -, ${X} and ${env:X}, also $X, {env:X}

struct Client {
    std::string_view name;     // as `resonant setup` is asked for it
    std::string_view title;
    Form form = Form::Jsonc;
    std::string_view section;  // the member that holds the servers
    Unit timeout = Unit::Guessed;
    Variables variables = Variables::Braces;
    std::string_view afterwards;  // what makes it read the file again
};

std::span<const Client> all_clients();
// By its name or title, in any spelling ("Claude Code", "vs_code"); null when there is none.
const Client* find_client(std::string_view name);
// "claude, claude-desktop, ...": for usage texts.
std::string client_names();
// Whose file this is, judged by its path; null: it could be anybody's.
const Client* client_of_file(const std::filesystem::path& file);

// What the places depend on.
struct Surroundings {
    std::filesystem::path user;  // the home folder of the person
    std::function<std::optional<std::string>(const std::string& name)> variable;
};

// Where the client looks for its file, the documented place first. Only files for all projects.
std::vector<std::filesystem::path> places_of(const Client& client, const Surroundings& around);

// Our own block, as this client wants a server: `program mcp --home HOME`.
json::Ordered own_entry(const Client& client, const std::string& program, const std::string& home);

// The folder of the project to which a file belongs (DIR of DIR/.mcp.json, DIR/.vscode/mcp.json and so on);
// empty for a file that serves all projects.
std::filesystem::path project_of(const std::filesystem::path& file, const Surroundings& around);

}  // namespace resonant::clients
