#include "resonant/clients/client_text.h"

#include <fmt/core.h>

#include <algorithm>

#include "resonant/clients/toml_text.h"
#include "resonant/json/source_tree.h"

namespace resonant::clients {
namespace {

const Json* member(const Json& object, std::string_view name) {
    if (!object.is_object()) {
        return nullptr;
    }
    const auto found = object.find(name);
    return found == object.end() ? nullptr : &*found;
}

const Json* at(const Json& whole, const json::SourcePath& path) {
    const Json* value = &whole;
    for (const std::string& name : path) {
        value = value == nullptr ? nullptr : member(*value, name);
    }
    return value;
}

bool is_entry(const Json& value) {
    return value.is_object() && (value.contains("command") || value.contains("url") || value.contains("type"));
}

Json as_json(const json::Ordered& value) { return Json::parse(value.dump()); }

// What `whole` should read like with `entry` at `path` (null: without it).
Json meant(Json whole, const json::SourcePath& path, const Json& entry) {
    if (!whole.is_object()) {
        whole = Json::object();
    }
    Json* value = &whole;
    for (std::size_t i = 0; i + 1 < path.size(); ++i) {
        Json& next = (*value)[path[i]];
        if (!next.is_object()) {
            next = Json::object();
        }
        value = &next;
    }
    if (entry.is_null()) {
        value->erase(path.back());
    } else if (Json& place = (*value)[path.back()]; place.is_object()) {
        place.update(entry);
    } else {
        place = entry;
    }
    return whole;
}

// Without objects that hold nothing: whether an emptied table is still there does not matter to a client.
Json without_empty(Json value) {
    if (value.is_object()) {
        for (auto item = value.begin(); item != value.end();) {
            *item = without_empty(std::move(*item));
            item = item->is_object() && item->empty() ? value.erase(item) : std::next(item);
        }
    }
    return value;
}

}  // namespace

Result<ClientText> ClientText::read(const Client& client, std::string text, bool any) {
    ClientText made;
    made.client_ = &client;
    made.section_ = {std::string(client.section)};
    if (client.form == Form::Toml) {
        RESONANT_ASSIGN(made.whole_, read_toml(text));
    } else if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
        made.whole_ = Json::object();
    } else {
        RESONANT_ASSIGN(const json::SourceTree tree, json::read_source(text));
        if (!tree.is_object()) {
            return fail(Code::InvalidArgument, fmt::format("{}: the file is not a JSON object", json::place_in(text, tree.span.begin)));
        }
        RESONANT_ASSIGN(made.whole_, json::value_of(text, tree));
    }
    made.text_ = std::move(text);
    made.find_servers(any);
    return made;
}

void ClientText::find_servers(bool any) {
    std::vector<json::SourcePath> sections;
    if (any) {
        for (const char* name : {"mcpServers", "servers", "context_servers", "mcp_servers"}) {
            sections.push_back({name});
        }
        sections.push_back({"mcp", "servers"});  // settings.json of VS Code
    } else if (client_->name == "opencode") {
        const Json* inner = at(whole_, {"mcp", "servers"});  // its second version; in the first this is a server's name
        if (inner != nullptr && inner->is_object() && !is_entry(*inner)) {
            section_ = {"mcp", "servers"};
        }
    }
    if (sections.empty()) {
        sections.push_back(section_);
    }
    const auto add = [&](const json::SourcePath& section, const std::string& project) {
        const Json* servers = at(whole_, section);
        if (servers == nullptr || !servers->is_object()) {
            return;
        }
        for (const auto& [name, entry] : servers->items()) {
            json::SourcePath path = section;
            path.push_back(name);
            servers_.push_back({name, std::move(path), project, entry});
        }
    };
    for (const json::SourcePath& section : sections) {
        add(section, {});
    }
    if (any && servers_.empty()) {
        add({"mcp"}, {});  // opencode
    }
    if (const Json* projects = member(whole_, "projects"); projects != nullptr && projects->is_object() && client_->name == "claude") {
        for (const auto& [folder, project] : projects->items()) {
            add({"projects", folder, "mcpServers"}, folder);
        }
    }
}

json::SourcePath ClientText::place_of(const std::string& name) const {
    json::SourcePath path = section_;
    path.push_back(name);
    return path;
}

Result<ClientText> ClientText::put(const json::SourcePath& path, const json::Ordered& entry) const {
    std::string text = text_;
    if (client_->form == Form::Toml) {
        RESONANT_ASSIGN(text, put_toml_server(text_, path, entry));
    } else if (const Json* there = at(whole_, path); there != nullptr && there->is_object()) {
        for (const auto& [name, value] : entry.items()) {
            json::SourcePath inner = path;
            inner.push_back(name);
            RESONANT_ASSIGN(text, json::put_member(text, inner, value));
        }
    } else {
        RESONANT_ASSIGN(text, json::put_member(text_, path, entry));
    }
    RESONANT_ASSIGN(ClientText made, read(*client_, std::move(text)));
    if (without_empty(made.whole_) != without_empty(meant(whole_, path, as_json(entry)))) {
        return fail(Code::Internal, fmt::format("the file with {} would not read as it should; nothing is written. Add the block by hand",
                                                path.back()));
    }
    return made;
}

Result<ClientText> ClientText::take(const json::SourcePath& path) const {
    std::string text;
    if (client_->form == Form::Toml) {
        RESONANT_ASSIGN(text, take_toml_server(text_, path));
    } else {
        RESONANT_ASSIGN(text, json::take_member(text_, path));
    }
    RESONANT_ASSIGN(ClientText made, read(*client_, std::move(text)));
    if (without_empty(made.whole_) != without_empty(meant(whole_, path, Json()))) {
        return fail(Code::Internal, fmt::format("the file without {} would not read as it should; nothing is written. Take it out by "
                                                "hand", path.back()));
    }
    return made;
}

}  // namespace resonant::clients
