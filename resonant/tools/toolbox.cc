#include "resonant/tools/toolbox.h"

#include <algorithm>
#include <set>

#include "resonant/base/ensure.h"
#include "resonant/tools/nearest.h"
#include "resonant/tools/parameters.h"

namespace resonant::tools {
namespace {

constexpr std::size_t kNameMax = 60;  // what the protocol's clients accept

std::string wire_form(std::string_view name) {
    std::string wire(name);
    std::replace(wire.begin(), wire.end(), '.', '_');
    return wire;
}

call::Role role_for(call::Access access) {
    switch (access) {
        case call::Access::Read: return call::Role::Observer;
        case call::Access::Write:
        case call::Access::Execute: return call::Role::Agent;
        case call::Access::Delete: return call::Role::Owner;
    }
    return call::Role::Owner;
}

}  // namespace

void Toolbox::begin(const Family& family) {
    RESONANT_ENSURE(families_.size() < call::kFamilies, "a toolbox has at most 28 families");
    RESONANT_ENSURE(find_family(family.key) < 0, "a family opens once");
    families_.push_back(family);
}

void Toolbox::add(const Declaration& declaration, Handler handler) {
    RESONANT_ENSURE(!families_.empty(), "a tool belongs to a family: begin() one first");
    RESONANT_ENSURE(tools_.size() < call::kToolsMax, "tool ids are dense and below kToolsMax");
    RESONANT_ENSURE(declaration.name.size() <= kNameMax, "a wire name has at most 60 characters");
    RESONANT_ENSURE(find(declaration.name) == nullptr && find_planned(declaration.name) == nullptr,
                    "a tool's name stands once in the catalogue");
    auto parameters = parse_parameters(declaration.parameters);
    RESONANT_ENSURE(parameters.has_value(), "a declaration's parameters follow parameters.h");

    Tool tool;
    call::Contract& contract = tool.contract;
    contract.id = static_cast<std::uint16_t>(tools_.size());
    contract.family = static_cast<std::uint8_t>(families_.size() - 1);
    contract.name = declaration.name;
    contract.summary = declaration.summary;
    contract.access = declaration.access;
    contract.role = std::max(declaration.role, role_for(declaration.access));
    contract.maturity = declaration.maturity;
    contract.pace = declaration.pace;
    contract.external = declaration.external;
    contract.core = declaration.core;
    contract.available = static_cast<bool>(handler);
    contract.free_text = declaration.free_text;
    contract.calls_per_minute = declaration.calls_per_minute;
    contract.input_schema = input_schema(*parameters);
    contract.example =
        declaration.example.empty() ? example(*parameters) : Json::parse(declaration.example);
    last_is_planned_ = !handler;
    if (last_is_planned_) {
        planned_.push_back(std::move(contract));
        return;
    }
    tool.handler = std::move(handler);
    for (const std::string& key : {contract.name, wire_form(contract.name)}) {
        const auto place = std::lower_bound(
            by_name_.begin(), by_name_.end(), key,
            [](const auto& entry, const std::string& wanted) { return entry.first < wanted; });
        if (place == by_name_.end() || place->first != key) {
            by_name_.insert(place, {key, contract.id});
        }
    }
    tools_.push_back(std::move(tool));
}

const Tool* Toolbox::find(std::string_view name) const {
    const auto place = std::lower_bound(
        by_name_.begin(), by_name_.end(), name,
        [](const auto& entry, std::string_view wanted) { return entry.first < wanted; });
    return place != by_name_.end() && place->first == name ? &tools_[place->second] : nullptr;
}

const call::Contract* Toolbox::find_planned(std::string_view name) const {
    const auto found = std::ranges::find_if(planned_, [&](const call::Contract& contract) {
        return contract.name == name || wire_form(contract.name) == name;
    });
    return found == planned_.end() ? nullptr : &*found;
}

std::size_t Toolbox::built_families() const {
    std::set<int> families;
    for (const Tool& tool : tools_) {
        families.insert(tool.contract.family);
    }
    return families.size();
}

int Toolbox::find_family(std::string_view name) const {
    for (std::size_t i = 0; i < families_.size(); ++i) {
        if (families_[i].key == name || families_[i].wire_name == name) {
            return static_cast<int>(i);
        }
    }
    return -1;
}

std::vector<std::string> Toolbox::nearest(std::string_view name, std::size_t count) const {
    std::vector<std::string> names;
    for (const Tool& tool : tools_) {
        names.push_back(tool.contract.name);
    }
    return nearest_names(name, std::move(names), count);
}

}  // namespace resonant::tools
