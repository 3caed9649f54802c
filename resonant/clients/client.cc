#include "resonant/clients/client.h"

#include <algorithm>
#include <array>

namespace resonant::clients {
namespace {

namespace fs = std::filesystem;

constexpr std::array kClients = {
    Client{.name = "claude", .title = "Claude Code", .section = "mcpServers", .timeout = Unit::Millis,
           .afterwards = "start Claude Code anew; /mcp shows its servers"},
    Client{.name = "claude-desktop", .title = "Claude Desktop", .section = "mcpServers", .variables = Variables::None,
           .afterwards = "restart Claude Desktop"},
    Client{.name = "cursor", .title = "Cursor", .section = "mcpServers", .afterwards = "Cursor reads it at once"},
    Client{.name = "vscode", .title = "VS Code", .section = "servers",
           .afterwards = "VS Code reads it at once; `MCP: List Servers` starts it"},
    Client{.name = "codex", .title = "Codex", .form = Form::Toml, .section = "mcp_servers", .timeout = Unit::Seconds,
           .variables = Variables::None, .afterwards = "start Codex anew; /mcp shows its servers"},
    Client{.name = "gemini", .title = "Gemini CLI", .section = "mcpServers", .timeout = Unit::Millis,
           .variables = Variables::Dollar, .afterwards = "start Gemini CLI anew; /mcp shows its servers"},
    Client{.name = "windsurf", .title = "Windsurf", .section = "mcpServers",
           .afterwards = "refresh the servers in Windsurf's MCP panel"},
    Client{.name = "zed", .title = "Zed", .section = "context_servers",
           .variables = Variables::None, .afterwards = "Zed reads it at once"},
    Client{.name = "cline", .title = "Cline", .section = "mcpServers", .timeout = Unit::Seconds,
           .afterwards = "Cline reads it at once"},
    Client{.name = "opencode", .title = "opencode", .section = "mcp", .timeout = Unit::Millis,
           .variables = Variables::Curly, .afterwards = "start opencode anew"},
};

constexpr std::array kEditors = {"Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf"};
constexpr const char* kCline = "User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json";

std::string value_of(const Surroundings& around, const char* name) {
    const std::optional<std::string> value = around.variable ? around.variable(name) : std::nullopt;
    return value.value_or("");
}

fs::path settings_folder(const Surroundings& around) {
    const fs::path given = value_of(around, "XDG_CONFIG_HOME");
    return given.is_absolute() ? given : around.user / ".config";
}

// The folder that a variable names, or the usual one.
fs::path folder_by(const Surroundings& around, const char* variable, const fs::path& otherwise) {
    const std::string given = value_of(around, variable);
    return given.empty() ? otherwise : fs::path(given);
}

// Names that people use beside name and title.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kOtherNames = {
    {{"code", "vscode"}, {"visual-studio-code", "vscode"}, {"codex-cli", "codex"}, {"openai-codex", "codex"}}};

std::string plain(std::string_view name) {
    std::string made;
    for (const char c : name) {
        made += c == ' ' || c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return made;
}

}  // namespace

std::span<const Client> all_clients() { return kClients; }

const Client* find_client(std::string_view name) {
    std::string wanted = plain(name);
    for (const auto& [other, meant] : kOtherNames) {
        wanted = wanted == other ? meant : wanted;
    }
    const auto found = std::find_if(kClients.begin(), kClients.end(),
                                    [&](const Client& one) { return one.name == wanted || plain(one.title) == wanted; });
    return found == kClients.end() ? nullptr : &*found;
}

std::string client_names() {
    std::string names;
    for (const Client& client : kClients) {
        names += (names.empty() ? "" : &client == &kClients.back() ? " or " : ", ") + std::string(client.name);
    }
    return names;
}

const Client* client_of_file(const fs::path& file) {
    const std::string name = file.filename().string();
    const std::string folder = file.parent_path().filename().string();
    const auto is = [&](const char* client) { return find_client(client); };
    if (name == ".claude.json" || name == ".mcp.json") {
        return is("claude");
    }
    if (name == "claude_desktop_config.json") {
        return is("claude-desktop");
    }
    if (name == "mcp_config.json") {
        return is("windsurf");
    }
    if (name == "cline_mcp_settings.json") {
        return is("cline");
    }
    if (name == "opencode.json" || name == "opencode.jsonc") {
        return is("opencode");
    }
    if (name == "settings.json" && (folder == ".gemini" || folder == "zed" || folder == ".zed")) {
        return is(folder == ".gemini" ? "gemini" : "zed");
    }
    if (file.extension() == ".toml") {
        return is("codex");
    }
    return folder == ".cursor" ? is("cursor") : folder == ".vscode" || folder == "User" ? is("vscode") : nullptr;
}

std::vector<fs::path> places_of(const Client& client, const Surroundings& around) {
    const fs::path settings = settings_folder(around);
    if (client.name == "claude") {
        return {folder_by(around, "CLAUDE_CONFIG_DIR", around.user) / ".claude.json"};
    }
    if (client.name == "claude-desktop") {
        return {settings / "Claude/claude_desktop_config.json"};
    }
    if (client.name == "cursor") {
        return {around.user / ".cursor/mcp.json"};
    }
    if (client.name == "codex") {
        return {folder_by(around, "CODEX_HOME", around.user / ".codex") / "config.toml"};
    }
    if (client.name == "gemini") {
        return {around.user / ".gemini/settings.json"};
    }
    if (client.name == "windsurf") {
        return {around.user / ".codeium/windsurf/mcp_config.json", around.user / ".codeium/mcp_config.json"};
    }
    if (client.name == "zed") {
        return {settings / "zed/settings.json", around.user / ".var/app/dev.zed.Zed/config/zed/settings.json"};
    }
    if (client.name == "opencode") {
        const fs::path folder = settings / "opencode";
        std::vector<fs::path> places = {folder / "opencode.json", folder / "opencode.jsonc", folder / "config.json"};
        if (const std::string given = value_of(around, "OPENCODE_CONFIG"); !given.empty()) {
            places.insert(places.begin(), given);
        }
        return places;
    }
    std::vector<fs::path> places;
    if (client.name == "cline") {
        if (const std::string given = value_of(around, "CLINE_MCP_SETTINGS_PATH"); !given.empty()) {
            places.emplace_back(given);
        }
    }
    for (const char* editor : kEditors) {
        if (client.name == "cline") {
            places.push_back(settings / editor / kCline);
        } else if (std::string_view(editor) != "Cursor" && std::string_view(editor) != "Windsurf") {
            places.push_back(settings / editor / "User/mcp.json");
        }
    }
    if (client.name == "cline") {
        places.push_back(around.user / ".cline/data/settings/cline_mcp_settings.json");
        places.push_back(around.user / ".vscode-server/data" / kCline);
    }
    return places;
}

json::Ordered own_entry(const Client& client, const std::string& program, const std::string& home) {
    json::Ordered entry;
    if (client.name == "opencode") {
        entry["type"] = "local";
        entry["command"] = {program, "mcp", "--home", home};
        return entry;
    }
    if (client.name == "claude" || client.name == "cursor" || client.name == "vscode") {
        entry["type"] = "stdio";
    }
    entry["command"] = program;
    entry["args"] = {"mcp", "--home", home};
    return entry;
}

fs::path project_of(const fs::path& file, const Surroundings& around) {
    const fs::path folder = file.parent_path();
    const std::string last = folder.filename().string();
    for (const Client& client : kClients) {
        for (const fs::path& place : places_of(client, around)) {
            if (place == file) {
                return {};
            }
        }
    }
    const bool inside = last == ".vscode" || last == ".cursor" || last == ".gemini" || last == ".zed" || last == ".codex";
    if (inside) {
        return folder.parent_path() == around.user ? fs::path() : folder.parent_path();
    }
    const std::string name = file.filename().string();
    return name == ".mcp.json" || name == "opencode.json" || name == "opencode.jsonc" ? folder : fs::path();
}

}  // namespace resonant::clients
