#include "apps/resonant/client_config.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "resonant/runtime/home.h"

namespace resonant::app {
namespace {

namespace fs = std::filesystem;

fs::path user_folder() {
    const char* home = std::getenv("HOME");
    return home == nullptr ? fs::path(".") : fs::path(home);
}

struct Place {
    fs::path file;
    std::string key;  // the object that holds servers
    std::string hint;
};

Result<Place> place_of(const std::string& client) {
    if (client == "claude") {
        return Place{".mcp.json", "mcpServers",
                     "for one project; for all of yours: claude mcp add --scope user resonant -- COMMAND"};
    }
    if (client == "claude-desktop") {
        return Place{user_folder() / ".config/Claude/claude_desktop_config.json", "mcpServers",
                     "restart Claude Desktop afterwards"};
    }
    if (client == "cursor") {
        return Place{user_folder() / ".cursor/mcp.json", "mcpServers", "Cursor reads it at once"};
    }
    if (client == "vscode") {
        return Place{".vscode/mcp.json", "servers", "for one workspace"};
    }
    return fail(Code::InvalidArgument,
                fmt::format("client-config: '{}' is not known; give claude, claude-desktop, cursor or vscode",
                            client));
}

Json server_entry(const std::string& client, const std::string& program, const std::string& home) {
    Json entry = {{"command", program}, {"args", {"mcp", "--home", home}}};
    if (client == "vscode") {
        entry["type"] = "stdio";
    }
    return entry;
}

}  // namespace

Result<ClientBlock> client_block(const std::string& client, const std::string& program, const std::string& home) {
    RESONANT_ASSIGN(const Place place, place_of(client));
    const Json block = {{place.key, {{"resonant", server_entry(client, program, home)}}}};
    return ClientBlock{place.file.string(), block.dump(2), place.hint};
}

Result<std::string> write_client_block(const std::string& client, const std::string& program,
                                       const std::string& home) {
    RESONANT_ASSIGN(const Place place, place_of(client));
    Json document = Json::object();
    if (fs::exists(place.file)) {
        RESONANT_ASSIGN(const std::string text, runtime::read_file(place.file));
        Result<Json> parsed = json::parse(text);
        if (!parsed || !parsed->is_object()) {
            return fail(Code::InvalidArgument,
                        fmt::format("client-config: {} is no JSON object ({}); mend it or paste the block by hand",
                                    place.file.string(), parsed ? "another type" : parsed.error().message));
        }
        document = std::move(*parsed);
        std::error_code error;
        fs::copy_file(place.file, place.file.string() + ".before-resonant", fs::copy_options::overwrite_existing,
                      error);
        if (error) {
            return fail(Code::PermissionDenied, fmt::format("client-config: no copy of {} could be made: {}",
                                                            place.file.string(), error.message()));
        }
    } else if (place.file.has_parent_path()) {
        fs::create_directories(place.file.parent_path());
    }
    document[place.key]["resonant"] = server_entry(client, program, home);
    RESONANT_CHECK(runtime::write_file(fs::absolute(place.file), document.dump(2) + "\n"));
    return place.file.string();
}

}  // namespace resonant::app
