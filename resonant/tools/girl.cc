#include <fmt/core.h>

#include "resonant/govern/roles.h"
#include "resonant/society/standings.h"
#include "resonant/tools/answers.h"
#include "resonant/tools/families.h"
#include "resonant/tools/services.h"

namespace resonant::tools {

using call::Access;
using call::Pace;
using call::Role;

namespace {

// Suspending needs no owner, lifting does: stopping is always the safe side.
Result<Json> agent_suspend(Services& services, call::Call& call) {
    const std::string agent = call.arguments.at("agent");
    const std::string reason = call.arguments.at("reason");
    if (call.arguments.at("suspended").get<bool>()) {
        RESONANT_CHECK(services.standings->suspend(agent, reason, call.caller.principal));
        services.roles->set_standing(agent, govern::Standing::Suspended, reason);
        return Json{{"agent", agent},
                    {"suspended", true},
                    {"reason", reason},
                    {"lift", agent == "*" ? "resonant resume, by the owner"
                                          : fmt::format("resonant quarantine {} --lift, by the owner", agent)}};
    }
    if (call.caller.role != Role::Owner) {
        return fail(Code::PermissionDenied,
                    fmt::format("only the owner lifts a suspension, and {} is {}; give the admin secret (--secret-file or "
                                "RESONANT_ADMIN_SECRET; `resonant init` sets it)",
                                call.caller.principal, call::name_of(call.caller.role)));
    }
    RESONANT_CHECK(services.standings->lift(agent));
    services.roles->set_standing(agent, govern::Standing::Active);
    return Json{{"agent", agent}, {"suspended", false}};
}

}  // namespace

Json standings_of(const Services& services) {
    if (!services.roles->anybody_held()) {
        return Json::object();  // a health check asks at every call: no transaction for the usual answer
    }
    const auto suspended = services.standings->suspended();
    if (!suspended) {
        return {{"unknown", suspended.error().message}};
    }
    Json shown = Json::object();
    for (const auto& [principal, standing] : *suspended) {
        shown[principal == "*" ? "everybody but the owner" : principal] = {
            {"standing", principal == "*" ? "paused" : "suspended"},
            {"reason", standing.reason},
            {"by", standing.by},
            {"since", show_time(standing.at.count)},
            {"lift", principal == "*" ? "resonant resume" : fmt::format("resonant quarantine {} --lift", principal)}};
    }
    return shown;
}

void add_girl(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin(
        {.key = "girl",
         .wire_name = "gana_girl_agents",
         .mansion = "女 Nu",
         .quadrant = "North",
         .summary = "Agents: stop one at once, or all; the owner lifts it"});
    toolbox.add({.name = "agent.suspend",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "agent*:string suspended*:bool reason*:string",
                 .summary = "stop an agent at once: its calls are refused until the owner "
                            "lifts it",
                 .role = Role::Coordinator,
                 .free_text = true},
                bind(services, agent_suspend));
    toolbox.add({.name = "gratitude.give",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "to*:string amount:number memo:string",
                 .summary = "thank another agent for a contribution; it raises trust, never "
                            "gates use",
                 .free_text = true});
    toolbox.add({.name = "gratitude.stats",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "agent:string",
                 .summary = "balances, benefits and who thanked whom"});
    toolbox.add({.name = "agent.register",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "name*:string capabilities:string[] metadata:object",
                 .summary = "join the swarm with capabilities; identity comes from the transport"});
    toolbox.add({.name = "agent.heartbeat",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "workload:0..1 task:string",
                 .summary = "say that you live and how busy you are"});
    toolbox.add({.name = "agent.list",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "active:bool capability:string limit:int cursor:string",
                 .summary = "registered agents: name, capabilities, load, trust, suspended"});
    toolbox.add({.name = "agent.trust",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "agent:string",
                 .summary = "trust tier and what it was computed from"});
    toolbox.add({.name = "agent.deregister",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "agent_id*:id",
                 .summary = "leave"});
    toolbox.add({.name = "clone.search",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "query*:string path*:path pattern:string clones:int limit:int",
                 .summary = "many readers search files in parallel and agree on the best "
                            "passages (path, lines, score); no index needed",
                 .pace = Pace::Slow,
                 .free_text = true});
}

}  // namespace resonant::tools
