#include "resonant/plane/clearance.h"

#include <fmt/core.h>

#include <algorithm>

namespace resonant::plane {
namespace {

constexpr std::size_t kNameMax = 31;  // bytes: an event's source has room for them and a zero
constexpr ring::EventType kUnlessSaidOtherwise[] = {ring::EventType::Custom};

}  // namespace

bool is_plain(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
               c == '-' || c == ':';
    });
}

std::vector<ring::EventType> Clearance::types() const {
    std::vector<ring::EventType> allowed;
    for (std::size_t i = 0; i < static_cast<std::size_t>(ring::EventType::Count); ++i) {
        if (const auto type = static_cast<ring::EventType>(i); allows(type)) {
            allowed.push_back(type);
        }
    }
    return allowed;
}

std::span<const ring::EventType> ClearancePolicy::allowed(std::string_view helper) const {
    const auto rule_for = [&](std::string_view name) { return std::ranges::find(rules_, name, &ClearanceRule::helper); };
    if (const auto own = rule_for(helper); own != rules_.end()) {
        return own->events;
    }
    const auto others = rule_for("*");
    return others != rules_.end() ? std::span<const ring::EventType>(others->events) : kUnlessSaidOtherwise;
}

Result<std::shared_ptr<Clearance>> ClearancePolicy::clear(std::string_view helper,
                                                          std::span<const ring::EventType> asked) const {
    if (!is_plain(helper) || helper.size() > kNameMax) {
        return fail(Code::InvalidArgument,
                    fmt::format("helper: a name has 1 to {} letters, digits, '_', '.', '-' or ':'", kNameMax));
    }
    const std::span<const ring::EventType> may = allowed(helper);
    for (const ring::EventType type : asked) {
        if (std::ranges::find(may, type) == may.end()) {
            return fail(Code::PermissionDenied,
                        fmt::format("helper {}: the owner does not let it publish {}; it may with [[helper]] name = \"{}\", "
                                    "events = [\"{}\"] in resonant.toml", helper, name_of(type), helper, name_of(type)));
        }
    }
    return std::make_shared<Clearance>(asked);
}

}  // namespace resonant::plane
