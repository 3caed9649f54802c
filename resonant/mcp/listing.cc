#include "resonant/mcp/listing.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "resonant/dispatch/promise.h"
#include "resonant/mcp/definition.h"
#include "resonant/mcp/kernel_path.h"
#include "resonant/mcp/upstream_listing.h"

namespace resonant::mcp {

namespace {

using call::Access;
using call::Contract;

constexpr const char* kAsText = "JSON object";  // an argument that is one, where it is shown as text

bool sees(const call::ClientSet* set, const Contract& tool) { return set == nullptr || set->has_tool(tool.name); }

// What models' interfaces take (OpenAI's strict mode, Gemini's subset): to them an object without properties is either
// empty or no schema at all. It is shown as text that holds it; the router takes both.
void close_objects(nlohmann::ordered_json& properties);

// The same value, as part of an entry whose members stand in an order of ours.
nlohmann::ordered_json ordered(const Json& value) {
    switch (value.type()) {
        case Json::value_t::object: {
            nlohmann::ordered_json object = nlohmann::ordered_json::object();
            for (const auto& [name, member] : value.items()) {
                object[name] = ordered(member);
            }
            return object;
        }
        case Json::value_t::array: {
            nlohmann::ordered_json list = nlohmann::ordered_json::array();
            for (const Json& each : value) {
                list.push_back(ordered(each));
            }
            return list;
        }
        case Json::value_t::string: return value.get_ref<const std::string&>();
        case Json::value_t::boolean: return value.get<bool>();
        case Json::value_t::number_integer: return value.get<std::int64_t>();
        case Json::value_t::number_unsigned: return value.get<std::uint64_t>();
        case Json::value_t::number_float: return value.get<double>();
        default: return nullptr;
    }
}

void close_object(nlohmann::ordered_json& schema) {
    if (!schema.is_object()) {
        return;
    }
    if (schema.contains("properties")) {
        close_objects(schema["properties"]);
    } else if (schema.value("type", "") == "object") {
        schema["type"] = "string";
        schema.erase("additionalProperties");
        schema["description"] = schema.contains("description") ? schema["description"].get<std::string>() + " (" + kAsText + ")"
                                                               : std::string(kAsText);
    }
    if (schema.contains("items")) {
        close_object(schema["items"]);
    }
}

void close_objects(nlohmann::ordered_json& properties) {
    for (auto& property : properties) {
        close_object(property);
    }
}

std::vector<const Contract*> tools_of(const dispatch::Catalogue& catalogue, std::size_t family, const call::ClientSet* set) {
    std::vector<const Contract*> tools;
    for (const tools::Tool& tool : catalogue.tools()) {
        if (tool.contract.family == family && !tool.contract.alone && sees(set, tool.contract)) {
            tools.push_back(&tool.contract);
        }
    }
    return tools;
}

// "Needs: session.start name; .resume session_id": a prefix that repeats is left out after its dot.
std::string needs_of(const std::vector<const Contract*>& tools) {
    std::string text;
    std::string_view last_prefix;
    for (const Contract* tool : tools) {
        const auto required = tool->input_schema.find("required");
        if (required == tool->input_schema.end() || required->empty()) {
            continue;
        }
        std::string_view name = tool->name;
        const std::string_view prefix = name.substr(0, name.find('.'));
        if (prefix == last_prefix) {
            name.remove_prefix(prefix.size());
        }
        last_prefix = prefix;
        text += text.empty() ? " Needs: " : "; ";
        text += name;
        char separator = ' ';
        for (const Json& argument : *required) {
            text += separator;
            text += argument.get_ref<const std::string&>();
            separator = ',';
        }
    }
    return text;
}

bool reads(const Contract* tool) { return tool->access == Access::Read; }

bool destroys(const Contract* tool) {
    return tool->access == Access::Delete || tool->access == Access::Execute;
}

nlohmann::ordered_json hint(bool read_only, bool destructive) {
    if (read_only) {
        return {{"readOnlyHint", true}};
    }
    return {{"destructiveHint", destructive}};
}

using Servers = std::vector<call::UpstreamServer>;

// " Servers behind it (tool SERVER__TOOL): files 14, memory 9." for the servers of one family.
std::string servers_of(const Servers& servers, std::size_t family) {
    std::string text;
    for (const call::UpstreamServer& server : servers) {
        if (server.family == family) {
            text += fmt::format("{}{} {}", text.empty() ? " Servers behind it (tool SERVER__TOOL): " : ", ", server.name,
                                server.tools);
        }
    }
    return text.empty() ? text : text + ".";
}

nlohmann::ordered_json args_entry() { return {{"type", "string"}, {"description", kAsText}}; }

// A family that is too large to name all its tools names its groups; "memory.*" then lists one.
nlohmann::ordered_json large_family_entry(const tools::Family& family, const std::vector<const Contract*>& tools,
                                          const std::string& servers) {
    std::vector<std::pair<std::string, std::size_t>> groups;
    for (const Contract* tool : tools) {
        const std::string group = tool->name.substr(0, tool->name.find('.'));
        const auto known = std::find_if(groups.begin(), groups.end(), [&](const auto& one) { return one.first == group; });
        if (known == groups.end()) {
            groups.emplace_back(group, 1U);
        } else {
            ++known->second;
        }
    }
    std::string names;
    for (const auto& [group, count] : groups) {
        names += fmt::format("{}{}.* ({})", names.empty() ? "" : ", ", group, count);
    }
    return {
        {"name", family.wire_name},
        {"title", fmt::format("{} · {}", family.mansion, family.key)},
        {"description", fmt::format("{}. {} tools in groups: {}; `tool` \"{}.*\" lists a group with what its tools need",
                                    family.summary, tools.size(), names, groups.front().first) +
                            servers},
        {"inputSchema",
         {{"type", "object"},
          {"properties", {{"tool", {{"type", "string"}}}, {"args", args_entry()}}},
          {"required", nlohmann::ordered_json::array({"tool"})}}},
        {"annotations", hint(servers.empty() && std::all_of(tools.begin(), tools.end(), reads),
                             !servers.empty() || std::any_of(tools.begin(), tools.end(), destroys))},
    };
}

nlohmann::ordered_json family_entry(const tools::Family& family, const std::vector<const Contract*>& tools,
                                    const std::string& servers) {
    if (tools.size() > kFamilyToolsMax) {
        return large_family_entry(family, tools, servers);
    }
    nlohmann::ordered_json names = nlohmann::ordered_json::array();
    for (const Contract* tool : tools) {
        names.push_back(tool->name);
    }
    nlohmann::ordered_json tool = {{"type", "string"}};
    if (servers.empty()) {
        tool["enum"] = std::move(names);
    } else {  // those of the servers are too many to name, and an enum beside others is read by few
        tool["description"] = fmt::format("{}, or SERVER__TOOL", fmt::join(names.get<std::vector<std::string>>(), ", "));
    }
    return {
        {"name", family.wire_name},
        {"title", fmt::format("{} · {}", family.mansion, family.key)},
        {"description", fmt::format("{}.{}{}", family.summary, needs_of(tools), servers)},
        {"inputSchema",
         {{"type", "object"},
          {"properties", {{"tool", std::move(tool)}, {"args", args_entry()}}},
          {"required", nlohmann::ordered_json::array({"tool"})}}},
        {"annotations", hint(servers.empty() && std::all_of(tools.begin(), tools.end(), reads),
                             !servers.empty() || std::any_of(tools.begin(), tools.end(), destroys))},
    };
}

nlohmann::ordered_json tool_entry(const Contract& tool) {
    nlohmann::ordered_json entry = {
        {"name", wire_name(tool.name)},
        {"title", tool.name},
        {"description", tool.summary},
        {"inputSchema", ordered(tool.shown_schema.is_null() ? tool.input_schema : tool.shown_schema)},
        {"annotations", hint(reads(&tool), destroys(&tool))},
    };
    if (const auto properties = entry["inputSchema"].find("properties");
        tool.shown_schema.is_null() && properties != entry["inputSchema"].end()) {
        close_objects(*properties);
    }
    if (const Json promised = dispatch::promise_of(tool); !promised.is_null()) {
        entry["outputSchema"] = ordered(promised);
    }
    return entry;
}

// As its server described it, under the name it has here and in the form that clients take.
nlohmann::ordered_json upstream_entry(const call::UpstreamTool& tool, const ListView& view) {
    nlohmann::ordered_json entry = {{"name", tool.contract.name}};
    for (const auto& [key, value] : tool.definition.items()) {
        if (key == "inputSchema") {
            entry[key] = ordered(shown_input(value));
        } else if (key == "outputSchema") {
            if (const Json shown = shown_output(value, view.modern); !shown.is_null()) {
                entry[key] = ordered(shown);
            }
        } else if (key != "name" && key != "_meta" && key != "execution") {
            entry[key] = ordered(value);
        }
    }
    if (KernelPath path = path_of(tool.definition); !path.empty() && !view.kernel.empty()) {
        path.insert(path.begin(), std::string(view.kernel));
        entry["_meta"][kMetaKernels] = path;
    }
    return entry;
}

}  // namespace

std::string_view name_of(Listing listing) {
    switch (listing) {
        case Listing::Families: return "families";
        case Listing::Core: return "core";
        case Listing::All: return "all";
    }
    return "families";
}

std::optional<Listing> listing_of(std::string_view name) {
    if (name == "families" || name == "prat") {
        return Listing::Families;
    }
    if (name == "core" || name == "lite") {
        return Listing::Core;
    }
    if (name == "all" || name == "classic") {
        return Listing::All;
    }
    return std::nullopt;
}

std::string wire_name(std::string_view dotted) {
    std::string name(dotted);
    std::replace(name.begin(), name.end(), '.', '_');
    return name;
}

std::string list_tools(const dispatch::Catalogue& catalogue, Listing listing) {
    return list_tools(catalogue, listing, ListView());
}

std::string list_tools(const dispatch::Catalogue& catalogue, Listing listing, const ListView& view) {
    Servers servers = view.upstreams == nullptr ? Servers() : view.upstreams->servers();
    std::erase_if(servers, [&](const auto& one) { return view.set != nullptr && !view.set->has_server(one.name); });
    nlohmann::ordered_json entries = nlohmann::ordered_json::array();
    if (listing == Listing::Families) {
        for (std::size_t i = 0; i < catalogue.families().size(); ++i) {
            const auto tools = tools_of(catalogue, i, view.set);
            const std::string theirs = servers_of(servers, i);
            if (!tools.empty() || !theirs.empty()) {  // a family with nothing to call is no entry
                entries.push_back(family_entry(catalogue.families()[i], tools, theirs));
            }
        }
    }
    for (const tools::Tool& tool : catalogue.tools()) {
        const bool listed = tool.contract.alone || listing == Listing::All || (listing == Listing::Core && tool.contract.core);
        if (listed && sees(view.set, tool.contract)) {
            entries.push_back(tool_entry(tool.contract));
        }
    }
    if (!entries.empty() && !view.kernel.empty()) {
        entries.front()["_meta"][kMetaKernels] = {view.kernel};  // whose list it is
    }
    if (view.upstreams != nullptr && listing == Listing::All) {
        for (const auto& tool : *view.upstreams->tools()) {
            if (tool->quarantine.empty() && (view.set == nullptr || view.set->has_upstream(tool->server, tool->contract.name))) {
                entries.push_back(upstream_entry(*tool, view));
            }
        }
    }
    return entries.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

bool ToolLists::make(const dispatch::Catalogue& catalogue, ListView view, std::int64_t ttl_ms, bool shared) {
    bool changed = false;
    for (const Listing listing : {Listing::Families, Listing::Core, Listing::All}) {
        const auto index = static_cast<std::size_t>(listing);
        view.modern = false;
        std::string whole = fmt::format(R"({{"tools":{}}})", list_tools(catalogue, listing, view));
        view.modern = true;
        std::string newer = fmt::format(R"({{"resultType":"complete","tools":{},"ttlMs":{},"cacheScope":"{}"}})",
                                        list_tools(catalogue, listing, view), ttl_ms,
                                        shared ? "public" : "private");
        changed = changed || whole != legacy[index] || newer != modern[index];
        legacy[index] = std::move(whole);
        modern[index] = std::move(newer);
    }
    return changed;
}

}  // namespace resonant::mcp
