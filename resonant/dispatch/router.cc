#include "resonant/dispatch/router.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>

#include "resonant/tools/nearest.h"

namespace resonant::dispatch {
namespace {

constexpr std::size_t kNearest = 3;
constexpr std::size_t kUpstreamsLooked = 4096;  // tools of servers that a wrong name is compared with
constexpr std::size_t kUpstreamsKept = 256;     // of them, those that share a word with it
constexpr std::size_t kNameShown = 80;
// What others call `args`; "arguments" is the protocol's own word.
constexpr std::array kOtherArgs = {"arguments", "parameters", "params", "input"};

// `args` as an object: absent is empty, JSON text is read, anything else is refused.
Result<Json> object_of(Json args) {
    if (args.is_null()) {
        return Json::object();
    }
    if (args.is_object()) {
        return args;
    }
    if (args.is_string()) {
        if (args.get_ref<const std::string&>().find_first_not_of(" \t\r\n") == std::string::npos) {
            return Json::object();
        }
        Result<Json> parsed = json::parse(args.get_ref<const std::string&>());
        if (parsed && parsed->is_object()) {
            return parsed;
        }
        if (!parsed) {
            return fail(Code::InvalidArgument, fmt::format("args: a JSON object is needed, this text is none: {}",
                                                           parsed.error().message));
        }
    }
    return fail(Code::InvalidArgument,
                fmt::format("args: an object is needed, this is {}; send args as {{\"name\": value}}",
                            args.type_name()));
}

constexpr int kDepthMax = 16;  // of references and unions that are followed

// Whether a schema takes null; what is not understood here is thought to. `root`: for its references.
bool takes_null(const Json& schema, const Json& root, int depth) {
    if (!schema.is_object() || depth > kDepthMax) {
        return schema != Json(false);
    }
    if (schema.value("nullable", Json(false)) == Json(true)) {
        return true;  // OpenAPI's word, which Ajv knows
    }
    const auto null_in = [&](const char* word) {
        const auto found = schema.find(word);
        return found == schema.end() || !found->is_array() || std::find(found->begin(), found->end(), Json()) != found->end();
    };
    if (const auto type = schema.find("type"); type != schema.end()) {
        const bool listed = type->is_array() && std::find(type->begin(), type->end(), Json("null")) != type->end();
        if (!listed && *type != "null") {
            return false;
        }
    }
    if (!null_in("enum") || (schema.contains("const") && !schema.at("const").is_null())) {
        return false;
    }
    for (const char* word : {"anyOf", "oneOf"}) {
        const auto parts = schema.find(word);
        if (parts != schema.end() && parts->is_array() &&
            std::none_of(parts->begin(), parts->end(), [&](const Json& one) { return takes_null(one, root, depth + 1); })) {
            return false;
        }
    }
    if (const auto parts = schema.find("allOf"); parts != schema.end() && parts->is_array() &&
        !std::all_of(parts->begin(), parts->end(), [&](const Json& one) { return takes_null(one, root, depth + 1); })) {
        return false;
    }
    if (const auto reference = schema.find("$ref"); reference != schema.end() && reference->is_string()) {
        for (const std::string place : {"$defs", "definitions"}) {
            const auto& text = reference->get_ref<const std::string&>();
            const Json named = text.starts_with("#/" + place + "/") ? root.value(place, Json()) : Json();
            if (named.is_object()) {
                return takes_null(named.value(text.substr(place.size() + 3), Json(true)), root, depth + 1);
            }
        }
    }
    return true;
}

// Where a schema wants an object or a list and a text holds one, the text becomes that, at any depth of the schema.
void read_texts(Json& value, const Json& schema, int depth) {
    if (!schema.is_object() || depth > kDepthMax) {
        return;
    }
    const Json type = schema.value("type", Json());
    if (value.is_string() && (type == "object" || type == "array")) {
        Result<Json> held = json::parse(value.get_ref<const std::string&>());
        if (held && (type == "object" ? held->is_object() : held->is_array())) {
            value = std::move(*held);
        }
    }
    if (const auto items = schema.find("items"); value.is_array() && items != schema.end()) {
        for (Json& item : value) {
            read_texts(item, *items, depth + 1);
        }
    }
    const auto properties = schema.find("properties");
    if (!value.is_object() || properties == schema.end() || !properties->is_object()) {
        return;
    }
    for (auto at = value.begin(); at != value.end(); ++at) {
        if (const auto declared = properties->find(at.key()); declared != properties->end()) {
            read_texts(*at, *declared, depth + 1);
        }
    }
}

bool has_argument(const call::Contract& contract, const char* name) {
    const Json& schema = contract.input_schema;
    return schema.is_object() && schema.value("properties", Json::object()).contains(name);
}

// The last word of a name, without its server or family: "echo" of "files__echo", "write" of "scratchpad.write".
std::string_view last_word(std::string_view name) {
    const std::size_t end = name.find_last_of("._- ");
    return end == std::string_view::npos ? name : name.substr(end + 1);
}

// Models write null for what they leave out, and JSON as text where an object is wanted. An optional argument whose schema
// does not take null is left out, then; a text that holds the object or list that the schema wants becomes that.
Route routed(const tools::Tool* tool, std::shared_ptr<const call::UpstreamTool> upstream, Json arguments) {
    const auto is_odd = [](const Json& value) { return value.is_null() || value.is_string() || value.is_structured(); };
    if (std::none_of(arguments.begin(), arguments.end(), is_odd)) {
        return Route{tool, std::move(upstream), std::move(arguments)};
    }
    const Json& schema = tool != nullptr ? tool->contract.input_schema : upstream->contract.input_schema;
    const auto properties = schema.is_object() ? schema.find("properties") : schema.end();
    if (!schema.is_object() || properties == schema.end() || !properties->is_object()) {
        return Route{tool, std::move(upstream), std::move(arguments)};
    }
    const Json required = schema.value("required", Json::array());
    for (auto at = arguments.begin(); at != arguments.end();) {
        const auto declared = properties->find(at.key());
        if (declared == properties->end()) {
            ++at;
            continue;
        }
        const bool needed = std::find(required.begin(), required.end(), at.key()) != required.end();
        if (at->is_null() && !needed && !takes_null(*declared, schema, 0)) {
            at = arguments.erase(at);
            continue;
        }
        read_texts(*at, *declared, 0);
        ++at;
    }
    return Route{tool, std::move(upstream), std::move(arguments)};
}

}  // namespace

Route Router::find(const std::string& name, const Json& arguments) const {
    const tools::Tool* ours = catalogue_.find(name);
    const std::string* wanted = &name;
    if (ours == nullptr && catalogue_.find_family(name) >= 0) {
        const auto tool = arguments.find("tool");
        const auto args = arguments.find("args");
        if (tool == arguments.end() || !tool->is_string() || (args != arguments.end() && !args->is_object())) {
            return {};
        }
        wanted = &tool->get_ref<const std::string&>();
        ours = catalogue_.find(*wanted);
    }
    return {ours, ours != nullptr || upstreams_ == nullptr ? nullptr : upstreams_->find(*wanted), {}};
}

Result<Route> Router::route(const std::string& name, Json arguments, const call::ClientSet* set) const {
    RESONANT_ASSIGN(Json sent, object_of(std::move(arguments)));
    if (const tools::Tool* tool = catalogue_.find(name)) {
        return routed(tool, nullptr, std::move(sent));
    }
    const int family = catalogue_.find_family(name);
    if (family < 0) {
        return route_to_upstream(name, std::move(sent), set);
    }
    return route_in_family(family, std::move(sent), set);
}

Result<Route> Router::route_in_family(int family, Json arguments, const call::ClientSet* set) const {
    const auto wanted = arguments.find("tool");
    if (wanted == arguments.end() || !wanted->is_string()) {
        std::vector<std::string> names;
        for (const tools::Tool& tool : catalogue_.tools()) {
            if (tool.contract.family == family) {
                names.push_back(tool.contract.name);
            }
        }
        if (names.empty()) {
            return fail(Code::Unimplemented,
                        fmt::format("no tool of {} is built yet; capability.matrix lists what is",
                                    catalogue_.families()[static_cast<std::size_t>(family)].wire_name));
        }
        return fail(Code::InvalidArgument,
                    fmt::format("{}: `tool` is missing; give one of: {}",
                                catalogue_.families()[static_cast<std::size_t>(family)].wire_name,
                                fmt::join(names, ", ")));
    }
    const auto& name = wanted->get_ref<const std::string&>();
    if (name.ends_with(".*")) {
        return list_group(name, set);
    }
    const tools::Tool* tool = catalogue_.find(name);
    const auto upstream = tool != nullptr || upstreams_ == nullptr ? nullptr : upstreams_->find(name);
    const call::Contract* contract = tool != nullptr ? &tool->contract : upstream ? &upstream->contract : nullptr;
    auto args = arguments.find("args");
    for (const char* other : kOtherArgs) {
        if (args == arguments.end() && contract != nullptr && !has_argument(*contract, other)) {
            const auto found = arguments.find(other);
            if (found != arguments.end() && (found->is_object() || found->is_string())) {
                arguments["args"] = Json(std::move(*found));
                arguments.erase(other);
                args = arguments.find("args");
            }
        }
    }
    RESONANT_ASSIGN(Json inner, object_of(args == arguments.end() ? Json() : std::move(*args)));
    // Arguments beside `tool`: taken when `args` does not say otherwise.
    for (auto& [key, value] : arguments.items()) {
        if (key != "tool" && key != "args" && !inner.contains(key)) {
            inner[key] = std::move(value);
        }
    }
    if (tool == nullptr) {
        return route_to_upstream(arguments["tool"].get<std::string>(), std::move(inner), set);
    }
    return routed(tool, nullptr, std::move(inner));
}

Result<Route> Router::route_to_upstream(const std::string& name, Json arguments, const call::ClientSet* set) const {
    auto tool = upstreams_ == nullptr ? nullptr : upstreams_->find(name);
    if (!tool) {
        return unknown(name, set);
    }
    return routed(nullptr, std::move(tool), std::move(arguments));
}

std::unexpected<Error> Router::list_group(const std::string& group, const call::ClientSet* set) const {
    const std::string_view name = std::string_view(group).substr(0, group.size() - 2);
    std::string listed;
    for (const tools::Tool& tool : catalogue_.tools()) {
        if (tools::group_of(tool.contract.name) == name) {
            const Json needed = tool.contract.input_schema.value("required", Json::array());
            listed += fmt::format("{}{}({})", listed.empty() ? "" : ", ", tool.contract.name,
                                  fmt::join(needed.get<std::vector<std::string>>(), ", "));
        }
    }
    if (listed.empty()) {
        return unknown(group, set);
    }
    return fail(Code::InvalidArgument,
                fmt::format("{} are these, with the arguments each requires; give one as `tool`: {}", group, listed));
}

// Names of servers' tools that share the server or the last word with a wrong name; of a named server that is there, no others.
std::vector<std::string> Router::near_upstreams(const std::string& name, const call::ClientSet* set) const {
    std::vector<std::string> names;
    const auto tools = upstreams_ == nullptr ? nullptr : upstreams_->tools();
    const std::string_view server = call::server_of(name);
    const std::string_view word = last_word(name);
    for (std::size_t i = 0; tools && i < std::min(tools->size(), kUpstreamsLooked) && names.size() < kUpstreamsKept; ++i) {
        const call::UpstreamTool& tool = *(*tools)[i];
        const bool near = server.empty() ? word.size() > 2 && tool.contract.name.find(word) != std::string::npos : tool.server == server;
        if (near && (set == nullptr || set->has_upstream(tool.server, tool.contract.name))) {
            names.push_back(tool.contract.name);
        }
    }
    return names;
}

// The server of a name, where it is there and offers nothing that may be called.
std::string Router::silent_server(const std::string& name, const call::ClientSet* set) const {
    const std::string_view before = call::server_of(name);
    const std::string_view server = before.empty() ? tools::group_of(name) : before;
    for (const call::UpstreamServer& one : upstreams_ == nullptr ? std::vector<call::UpstreamServer>() : upstreams_->servers()) {
        if (one.name == server && one.tools == 0 && (set == nullptr || set->has_server(one.name))) {
            return one.name;
        }
    }
    return "";
}

std::unexpected<Error> Router::unknown(const std::string& name, const call::ClientSet* set) const {
    if (const call::Contract* planned = catalogue_.find_planned(name)) {
        return fail(Code::Unimplemented, fmt::format("{} is not built yet; capability.suggest with a goal finds what is",
                                                     planned->name));
    }
    const std::string shown = name.substr(0, kNameShown);
    if (const std::string server = silent_server(shown, set); !server.empty()) {
        return fail(Code::NotFound, fmt::format("no tool is named '{}': server {} offers none now; it is switched off, starting, without its "
                                                "secrets, or waits for approval: resonant server list {}", shown, server, server));
    }
    std::vector<std::string> names = near_upstreams(shown, set);
    if (names.empty() || call::server_of(shown).empty()) {
        std::set<int> families;
        for (const tools::Tool& tool : catalogue_.tools()) {
            if (set == nullptr || set->has_tool(tool.contract.name)) {
                names.push_back(tool.contract.name);
                families.insert(tool.contract.family);
            }
        }
        for (const int family : families) {
            names.emplace_back(catalogue_.families()[static_cast<std::size_t>(family)].wire_name);
        }
    }
    return fail(Code::NotFound,
                fmt::format("no tool or family is named '{}'; nearest: {}; to look for one call "
                            "capability.suggest with a goal",
                            shown, fmt::join(tools::nearest_names(shown, std::move(names), kNearest), ", ")));
}

}  // namespace resonant::dispatch
