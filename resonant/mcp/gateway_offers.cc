// Resources, templates and prompts of servers: what is offered of them, and the tools by which they are asked for.
#include <fmt/core.h>

#include <set>

#include "resonant/mcp/gateway.h"
#include "resonant/mcp/turn.h"

namespace resonant::mcp {

void Gateway::watch(const std::set<std::string>& uris) {
    for (const auto& [name, server] : servers_) {
        const std::string place = fmt::format("{}{}/", call::kUpstreamScheme, name);
        std::set<std::string> theirs;
        for (auto at = uris.lower_bound(place); at != uris.end() && at->starts_with(place); ++at) {
            theirs.insert(at->substr(place.size()));
        }
        server->upstream->watch(std::move(theirs));
    }
}
namespace {

constexpr std::size_t kUriBytesMax = 2'000;

struct Asking {
    std::string_view name;
    const char* method;
    const char* capability;
    const char* needs;  // its required argument
    const char* summary;
};
constexpr Asking kAsking[] = {
    {call::kReadUpstream, "resources/read", "resources", "uri", "reads a resource of the server by its own uri"},
    {call::kPromptUpstream, "prompts/get", "prompts", "name", "gets a prompt of the server by its own name"},
    {call::kCompleteUpstream, "completion/complete", "completions", "ref", "completes an argument of a prompt or template"},
};

}  // namespace

void Gateway::offered(Server& server, call::UpstreamOffer::Kind kind, Upstream::Reading entries) {
    const std::string list = kind == call::UpstreamOffer::Kind::Prompt     ? "prompts"
                             : kind == call::UpstreamOffer::Kind::Template ? "resource templates"
                                                                           : "resources";
    if (!server.upstream || !legible(server, list, entries, [kind](Json& entry) { return conform_offer(kind, entry); }) ||
        server.offered[kind] == entries.entries) {
        return;
    }
    server.offered[kind] = std::move(entries.entries);
    offer(server);
    publish();
}

// A call of it asks the server something else than a tool, through all stages.
std::shared_ptr<const call::UpstreamTool> Gateway::asking_tool(const Server& server, std::string_view name) {
    for (const Asking& asking : kAsking) {
        if (asking.name != name || !server.upstream->has(asking.capability)) {
            continue;
        }
        auto tool = std::make_shared<call::UpstreamTool>();
        tool->server = server.spec.name;
        tool->tool = name;
        tool->method = asking.method;
        const std::string full = fmt::format("{}__{}", tool->server, name);
        tool->definition = {{"name", name},
                            {"description", asking.summary},
                            {"inputSchema", {{"type", "object"}, {"required", Json::array({asking.needs})}}},
                            {"annotations", {{"readOnlyHint", true}}}};
        const int family = needs_.catalogue.find_family(server.spec.family.empty() ? "roof" : server.spec.family);
        tool->contract = contract_of(full, tool->definition, static_cast<std::uint8_t>(std::max(family, 0)), id_of(full), true);
        if (Result<json::Schema> schema = json::Schema::compile(tool->contract.input_schema)) {
            tool->schema = std::make_shared<const json::Schema>(std::move(*schema));
        }
        tool->slot = server.slot;
        return tool;
    }
    return nullptr;
}

void Gateway::add_offers(Server& server, View& view, call::UpstreamOffers& offers) {
    for (const Asking& asking : kAsking) {
        if (const auto tool = asking_tool(server, asking.name)) {
            view.by_name.emplace(tool->contract.name, tool);  // a tool of that name, if there is one, comes first
        }
    }
    std::set<std::string> seen;
    for (const auto& [kind, entries] : server.offered) {
        const bool prompt = kind == call::UpstreamOffer::Kind::Prompt;
        for (const Json& entry : entries) {
            const char* key = prompt ? "name" : kind == call::UpstreamOffer::Kind::Template ? "uriTemplate" : "uri";
            const std::string theirs = entry.is_object() ? text_of(entry, key) : "";
            if (theirs.empty() || theirs.size() > kUriBytesMax) {
                server.clashes.push_back(fmt::format("an entry without a usable {} is left out", key));
                continue;
            }
            if (const auto found = findings(entry, needs_.hidden); !found.empty()) {
                server.clashes.push_back(fmt::format("{} is left out: {}", theirs.substr(0, 80), found.front()));
                continue;
            }
            const std::string& server_name = server.spec.name;
            std::string name = prompt ? upstream_name(server_name, theirs)
                                      : fmt::format("{}{}/{}", call::kUpstreamScheme, server_name, theirs);
            if (!seen.insert(name).second) {
                server.clashes.push_back(fmt::format("{} is refused: another has the name {}", theirs.substr(0, 80), name));
                continue;
            }
            offers.push_back({.kind = kind, .server = server_name, .name = std::move(name), .theirs = theirs,
                              .definition = entry});
        }
    }
}

}  // namespace resonant::mcp
