#include "resonant/tools/families.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <algorithm>

#include "resonant/govern/governor.h"
#include "resonant/govern/rules.h"
#include "resonant/plane/kernel_plane.h"
#include "resonant/tools/answers.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/services.h"

namespace resonant::tools {

using call::Access;
using call::Role;

namespace {

Json show(const govern::RuleInfo& rule) {
    return {{"rule", rule.name},
            {"action", govern::name_of(rule.action)},
            {"severity", rule.severity},
            {"consent", rule.consent ? "allowed" : "no"},
            {"why", rule.explain},
            {"when", rule.when},
            {"where", fmt::format("{}:{}", rule.file, rule.line)}};
}

Result<Json> rules(Services& services, call::Call& call) {
    const std::string profile = text_of(call, "profile", services.rules->profile());
    const auto profiles = services.rules->profiles();
    if (std::find(profiles.begin(), profiles.end(), profile) == profiles.end()) {
        return fail(Code::NotFound, fmt::format("dharma.rules: no profile '{}'; there are {}",
                                                profile.substr(0, 60), fmt::join(profiles, ", ")));
    }
    const auto list = services.rules->list(profile);
    Json answer = {{"profile", profile},
                   {"active", profile == services.rules->profile()},
                   {"profiles", profiles},
                   {"count", list.size()},
                   {"rules", Json::array()}};
    for (const govern::RuleInfo& rule : list) {
        answer["rules"].push_back(show(rule));
    }
    return answer;
}

void tell(const Services& services, const call::Call& call) {
    services.plane->publish(ring::EventType::RulesReloaded, call.caller.principal,
                            call.contract->id + 1U);
}

Result<Json> reload(Services& services, call::Call& call) {
    RESONANT_CHECK(services.rules->load(services.paths.policy));
    tell(services, call);
    const std::string profile = services.rules->profile();
    return Json{
        {"reloaded", true}, {"profile", profile}, {"rules", services.rules->list(profile).size()}};
}

Result<Json> set_profile(Services& services, call::Call& call) {
    const std::string before = services.rules->profile();
    RESONANT_CHECK(services.rules->set_profile(text_of(call, "profile")));
    tell(services, call);
    return Json{{"profile", services.rules->profile()}, {"before", before}};
}

Json show(const govern::SessionBudget& budget) {
    Json shown = Json::object();
    if (budget.calls) shown["calls"] = *budget.calls;
    if (budget.seconds) shown["seconds"] = *budget.seconds;
    if (budget.writes) shown["writes"] = *budget.writes;
    return shown;
}

Result<std::string> session_name(Services& services, const call::Call& call) {
    RESONANT_ASSIGN(const std::int64_t session, session_of(services, call));
    if (session == 0) {
        return fail(Code::InvalidArgument,
                    "session_id is missing; open a session with session.start and pass its id");
    }
    return society::wire_id('s', session);
}

// The owner widens what a session of somebody else may spend: that is the way out of a spent budget.
Result<std::string> session_to_steer(Services& services, const call::Call& call) {
    Result<std::string> own = session_name(services, call);
    if (own || call.caller.role != call::Role::Owner) {
        return own;
    }
    const std::string named = text_of(call, "session_id");
    return services.governor->goal(named) ? Result<std::string>(named) : own;
}

Result<Json> set_goal(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const std::string session, session_to_steer(services, call));
    const Json asked = call.arguments.value("budget", Json::object());
    govern::SessionBudget budget;
    if (asked.contains("calls"))
        budget.calls = static_cast<std::uint64_t>(std::min(asked["calls"].get<double>(), 1e15));
    if (asked.contains("seconds")) budget.seconds = asked["seconds"].get<double>();
    if (asked.contains("writes"))
        budget.writes = static_cast<std::uint64_t>(std::min(asked["writes"].get<double>(), 1e15));
    RESONANT_CHECK(
        services.governor->set_goal(session, text_of(call, "goal"), budget, call.caller.role));
    const auto goal = services.governor->goal(session);
    return Json{{"session_id", session},
                {"goal", text_of(call, "goal")},
                {"budget", goal ? show(goal->budget) : Json::object()}};
}

Result<Json> check_drift(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const std::string session, session_name(services, call));
    const govern::Drift drift = services.governor->check_drift(session, text_of(call, "action"));
    return Json{{"session_id", session},
                {"drift", rounded(drift.drift)},
                {"shared", drift.shared},
                {"says", drift.words}};
}

Result<Json> classify(Services&, call::Call& call) {
    const govern::Classification found = govern::classify(text_of(call, "command"));
    return Json{{"class", govern::name_of(found.risk)},
                {"rule", found.rule.empty() ? Json(nullptr) : Json(found.rule)},
                {"reason", found.reason}};
}

}  // namespace

void add_star(Toolbox& toolbox, Services& services) {
    toolbox.begin({.key = "star",
                   .wire_name = "gana_star_policy",
                   .mansion = "星 Xing",
                   .quadrant = "South",
                   .summary = "Policy rules (dharma), session goal and budget, is a command safe"});
    toolbox.add({.name = "dharma.reload",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "",
                 .summary = "owner only: read the policy files again; a bad file is refused "
                            "with file:line and the old rules stay",
                 .role = Role::Owner},
                bind(services, reload));
    toolbox.add({.name = "dharma.set_profile",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "profile*:string",
                 .summary = "owner only: switch the active policy profile; an agent asks with "
                            "consent.request",
                 .role = Role::Owner,
                 .example = R"({"profile": "strict"})"},
                bind(services, set_profile));
    toolbox.add({.name = "governor.set_goal",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "goal*:string budget:object{calls,seconds,writes} session_id:id",
                 .summary = "goal and budgets for a session; an agent may tighten a budget, "
                            "only the owner widens it",
                 .free_text = true},
                bind(services, set_goal));
    toolbox.add({.name = "governor.check_drift",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "action*:string session_id:id",
                 .summary = "how far an action is from the goal",
                 .free_text = true},
                bind(services, check_drift));
    toolbox.add({.name = "governor.classify",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "command*:string",
                 .summary = "is a shell command safe, caution, dangerous or forbidden, with "
                            "the reason",
                 .free_text = true,
                 .example = R"({"command": "rm -rf /"})"},
                bind(services, classify));
    toolbox.add({.name = "dharma.rules",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "profile:string",
                 .summary = "active rules with source file and line"},
                bind(services, rules));
}

}  // namespace resonant::tools
