#include "resonant/govern/roles.h"

#include <fmt/core.h>

#include <algorithm>
#include <mutex>

namespace resonant::govern {
namespace {

call::Role least_role(call::Access access) {
    switch (access) {
        case call::Access::Read: return call::Role::Observer;
        case call::Access::Write:
        case call::Access::Execute: return call::Role::Agent;
        default: return call::Role::Owner;
    }
}

// Who runs the command may be the owner already, and have left the secret out.
constexpr std::string_view kWithSecret = " with the admin secret (--secret-file or RESONANT_ADMIN_SECRET)";

std::string way_to(call::Role role, const std::string& tool, const std::string& principal) {
    if (role == call::Role::Owner) {
        return fmt::format(
            "ask the owner to run `resonant call {}`: the owner proves themself with the admin secret (asked on the "
            "terminal, --secret-file or RESONANT_ADMIN_SECRET; `resonant init` sets it)",
            tool);
    }
    return fmt::format("ask the owner to give {0} the role {1}: in resonant.toml [[agent]] with principal = \"{0}\" and "
                       "role = \"{1}\"; the kernel reads it when it starts",
                       principal, call::name_of(role));
}

call::Denial refused(const std::string& tool, const std::string& name, const Held& held) {
    const bool all = held.standing == Standing::Suspended;
    const std::string subject = name == "*" ? "all calls are" : name + " is";
    return {.code = all ? "suspended" : "quarantined",
            .stage = std::string(kRoles),
            .rule = "standing",
            .reason = fmt::format("{} {}, so {} was not run{}{}", subject,
                                  all ? (name == "*" ? "paused" : "suspended") : "in quarantine, where only reading is allowed",
                                  tool, held.reason.empty() ? "" : "; the reason: ", held.reason),
            .way_out = name == "*" ? fmt::format("ask the owner to lift it: `resonant resume`{}", kWithSecret)
                                   : fmt::format("ask the owner to lift it: `resonant quarantine {} --lift`{}", name, kWithSecret),
            .retry_after_s = {}};
}

}  // namespace

call::Role role_needed(const call::Contract& contract) {
    return std::max(contract.role, least_role(contract.access));
}

std::optional<call::Denial> Roles::judge(const call::Call& call, Look, std::string&) {
    const call::Contract& contract = *call.contract;
    const call::Role needed = role_needed(contract);
    if (call.caller.role < needed) {
        return call::Denial{
            .code = "permission_denied",
            .stage = std::string(kRoles),
            .rule = fmt::format("{} needs role {}", contract.name, call::name_of(needed)),
            .reason = fmt::format("{} has role {}, {} needs {}; no argument changes that", call.caller.principal,
                                  call::name_of(call.caller.role), contract.name, call::name_of(needed)),
            .way_out = way_to(needed, contract.name, call.caller.principal),
            .retry_after_s = {}};
    }
    if (call.caller.role == call::Role::Owner) {
        return std::nullopt;  // who lifts a suspension must not be stopped by it
    }
    const auto [whom, now] = held(call.caller.principal);
    if (now.standing == Standing::Active ||
        (now.standing == Standing::Quarantined && contract.access == call::Access::Read)) {
        return std::nullopt;
    }
    return refused(contract.name, whom, now);
}

void Roles::set_standing(const std::string& principal, Standing standing, const std::string& reason) {
    const std::unique_lock lock(mutex_);
    if (standing == Standing::Active) {
        standings_.erase(principal);
    } else {
        standings_[principal] = {standing, reason};
    }
}

bool Roles::anybody_held() const {
    const std::shared_lock lock(mutex_);
    return !standings_.empty();
}

Standing Roles::standing(std::string_view principal) const { return held(principal).second.standing; }

std::pair<std::string, Held> Roles::held(std::string_view principal) const {
    const std::shared_lock lock(mutex_);
    if (standings_.empty()) {
        return {};
    }
    const auto own = standings_.find(principal);
    const auto all = standings_.find("*");
    if (own != standings_.end() && (all == standings_.end() || own->second.standing >= all->second.standing)) {
        return *own;
    }
    return all == standings_.end() ? std::pair<std::string, Held>() : std::pair<std::string, Held>(*all);
}

}  // namespace resonant::govern
