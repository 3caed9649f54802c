#include "resonant/govern/roles.h"

#include <fmt/format.h>

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

std::string way_to(call::Role role, const std::string& tool) {
    if (role == call::Role::Owner) {
        return fmt::format(
            "ask the owner to run `resonant call {}`: the owner proves themself with the admin secret (asked on the "
            "terminal, --secret-file or RESONANT_ADMIN_SECRET; `resonant init` sets it)",
            tool);
    }
    return fmt::format("ask the owner to give this client the role {} in resonant.toml", call::name_of(role));
}

call::Denial held(const std::string& tool, Standing standing) {
    const bool all = standing == Standing::Suspended;
    return {.code = all ? "suspended" : "quarantined",
            .stage = std::string(kRoles),
            .rule = "standing",
            .reason = all ? fmt::format("calls are suspended, so {} was not run", tool)
                          : fmt::format("in quarantine only reading is allowed, so {} was not run", tool),
            .way_out = "ask the owner to lift it: `resonant resume`",
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
            .way_out = way_to(needed, contract.name),
            .retry_after_s = {}};
    }
    if (call.caller.role == call::Role::Owner) {
        return std::nullopt;  // who lifts a suspension must not be stopped by it
    }
    const Standing now = standing(call.caller.principal);
    if (now == Standing::Active || (now == Standing::Quarantined && contract.access == call::Access::Read)) {
        return std::nullopt;
    }
    return held(contract.name, now);
}

void Roles::set_standing(const std::string& principal, Standing standing) {
    const std::unique_lock lock(mutex_);
    if (standing == Standing::Active) {
        standings_.erase(principal);
    } else {
        standings_[principal] = standing;
    }
}

Standing Roles::standing(std::string_view principal) const {
    const std::shared_lock lock(mutex_);
    if (standings_.empty()) {
        return Standing::Active;
    }
    const auto own = standings_.find(principal);
    const auto all = standings_.find("*");
    return std::max(own == standings_.end() ? Standing::Active : own->second,
                    all == standings_.end() ? Standing::Active : all->second);
}

std::map<std::string, Standing> Roles::standings() const {
    const std::shared_lock lock(mutex_);
    return {standings_.begin(), standings_.end()};
}

}  // namespace resonant::govern
