#include "resonant/dispatch/router.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "resonant/tools/nearest.h"

namespace resonant::dispatch {
namespace {

constexpr std::size_t kNearest = 3;

// `args` as an object: absent is empty, JSON text is read, anything else is refused.
Result<Json> object_of(Json args) {
    if (args.is_null()) {
        return Json::object();
    }
    if (args.is_object()) {
        return args;
    }
    if (args.is_string()) {
        Result<Json> parsed = json::parse(args.get_ref<const std::string&>());
        if (parsed && parsed->is_object()) {
            return parsed;
        }
    }
    return fail(Code::InvalidArgument,
                fmt::format("args: an object is needed, this is {}; send args as {{\"name\": value}}",
                            args.type_name()));
}

// Models write null for what they leave out. An optional parameter whose type has no null is left out, then.
Route routed(const tools::Tool* tool, std::shared_ptr<const call::UpstreamTool> upstream, Json arguments) {
    if (std::none_of(arguments.begin(), arguments.end(), [](const Json& value) { return value.is_null(); })) {
        return Route{tool, std::move(upstream), std::move(arguments)};
    }
    const Json& schema = tool != nullptr ? tool->contract.input_schema : upstream->contract.input_schema;
    const Json properties = schema.is_object() ? schema.value("properties", Json::object()) : Json::object();
    const Json required = schema.is_object() ? schema.value("required", Json::array()) : Json::array();
    for (auto at = arguments.begin(); at != arguments.end();) {
        const auto declared = properties.find(at.key());
        const bool is_left_out = at->is_null() && declared != properties.end() && declared->is_object() &&
                                 declared->contains("type") && declared->at("type").is_string() &&
                                 declared->at("type") != "null" &&
                                 std::find(required.begin(), required.end(), at.key()) == required.end();
        at = is_left_out ? arguments.erase(at) : std::next(at);
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

Result<Route> Router::route(const std::string& name, Json arguments) const {
    RESONANT_ASSIGN(Json sent, object_of(std::move(arguments)));
    if (const tools::Tool* tool = catalogue_.find(name)) {
        return routed(tool, nullptr, std::move(sent));
    }
    const int family = catalogue_.find_family(name);
    if (family < 0) {
        return route_to_upstream(name, std::move(sent));
    }
    return route_in_family(family, std::move(sent));
}

Result<Route> Router::route_in_family(int family, Json arguments) const {
    const auto wanted = arguments.find("tool");
    if (wanted == arguments.end() || !wanted->is_string()) {
        std::vector<std::string> names;
        for (const tools::Tool& tool : catalogue_.tools()) {
            if (tool.contract.family == family) {
                names.push_back(tool.contract.name);
            }
        }
        return fail(Code::InvalidArgument,
                    fmt::format("{}: `tool` is missing; give one of: {}",
                                catalogue_.families()[static_cast<std::size_t>(family)].wire_name,
                                fmt::join(names, ", ")));
    }
    const auto& name = wanted->get_ref<const std::string&>();
    if (name.ends_with(".*")) {
        return list_group(name);
    }
    const tools::Tool* tool = catalogue_.find(name);
    const auto args = arguments.find("args");
    RESONANT_ASSIGN(Json inner, object_of(args == arguments.end() ? Json() : std::move(*args)));
    // Arguments beside `tool`: taken when `args` does not say otherwise.
    for (auto& [key, value] : arguments.items()) {
        if (key != "tool" && key != "args" && !inner.contains(key)) {
            inner[key] = std::move(value);
        }
    }
    if (tool == nullptr) {
        return route_to_upstream(wanted->get<std::string>(), std::move(inner));
    }
    return routed(tool, nullptr, std::move(inner));
}

Result<Route> Router::route_to_upstream(const std::string& name, Json arguments) const {
    auto tool = upstreams_ == nullptr ? nullptr : upstreams_->find(name);
    if (!tool) {
        return unknown(name);
    }
    return routed(nullptr, std::move(tool), std::move(arguments));
}

std::unexpected<Error> Router::list_group(const std::string& group) const {
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
        return unknown(group);
    }
    return fail(Code::InvalidArgument,
                fmt::format("{} are these, with the arguments each requires; give one as `tool`: {}", group, listed));
}

std::unexpected<Error> Router::unknown(const std::string& name) const {
    const std::string shown = name.substr(0, 80);
    return fail(Code::NotFound,
                fmt::format("no tool or family is named '{}'; nearest: {}; to look for one call "
                            "capability.suggest with a goal",
                            shown, fmt::join(catalogue_.nearest(shown, kNearest), ", ")));
}

}  // namespace resonant::dispatch
