#include "resonant/mcp/resources.h"

#include <algorithm>

namespace resonant::mcp {

Json describe(const Resource& resource) {
    return {{resource.is_template() ? "uriTemplate" : "uri", resource.uri},
            {"name", resource.name},
            {"title", resource.title},
            {"description", resource.description},
            {"mimeType", resource.mime}};
}

std::optional<std::string> match(const Resource& resource, std::string_view uri) {
    const std::string_view form = resource.uri;
    const std::size_t open = form.find('{');
    if (open == std::string_view::npos) {
        return form == uri ? std::optional<std::string>("") : std::nullopt;
    }
    const std::string_view before = form.substr(0, open);
    const std::string_view after = form.substr(form.find('}') + 1);
    if (uri.size() <= before.size() + after.size() || !uri.starts_with(before) || !uri.ends_with(after)) {
        return std::nullopt;
    }
    const std::string_view value = uri.substr(before.size(), uri.size() - before.size() - after.size());
    return value.find('/') == std::string_view::npos ? std::optional(std::string(value)) : std::nullopt;
}

Json arguments_for(const Resource& resource, const std::string& variable) {
    Json arguments = resource.arguments;
    const auto put_in = [&](Json& value) {
        if (value == "{}") {
            value = variable;
        }
    };
    for (auto& [name, value] : arguments.items()) {
        put_in(value);
        if (value.is_array()) {
            std::for_each(value.begin(), value.end(), put_in);
        }
    }
    return arguments;
}

std::vector<Resource> own_resources() {
    const auto answer_of = [](std::string uri, std::string name, std::string title, std::string description,
                              std::string tool, Json arguments) {
        Resource resource;
        resource.uri = std::move(uri);
        resource.name = std::move(name);
        resource.title = std::move(title);
        resource.description = std::move(description);
        resource.tool = std::move(tool);
        resource.arguments = std::move(arguments);
        return resource;
    };
    return {
        answer_of("board://state", "board_state", "State board", "every field of the shared board, one snapshot",
                  "board.read", Json::object()),
        answer_of("board://harmony", "board_harmony", "Harmony", "the seven harmony numbers and their composite",
                  "harmony.vector", Json::object()),
        answer_of("ledger://recent", "ledger_recent", "Ledger", "the newest 50 entries of the ledger: who did what, and what was decided",
                  "karma.trace", {{"limit", 50}}),
        answer_of("memory://stats", "memory_stats", "Memory", "memories by zone, what moved, what is being embedded",
                  "lifecycle.stats", Json::object()),
        answer_of("data://files", "data_files", "Data files", "where database, Arrow segments and shared segments lie, for readers outside",
                  "state.paths", Json::object()),
        answer_of("memory://{id}", "memory", "One memory", "content, tags, links and history of a memory; its id comes from memory.search",
                  "memory.read", {{"ids", Json::array({"{}"})}}),
        answer_of("tool://{name}", "tool_schema", "One tool", "schema and example of a tool by its dotted name",
                  "tool.schema", {{"tools", Json::array({"{}"})}}),
    };
}

}  // namespace resonant::mcp
