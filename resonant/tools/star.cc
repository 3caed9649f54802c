#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Role;

void add_star(Toolbox& toolbox, [[maybe_unused]] Services& services) {
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
                 .role = Role::Owner});
    toolbox.add({.name = "dharma.set_profile",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "profile*:string",
                 .summary = "owner only: switch the active policy profile; an agent asks with "
                            "consent.request",
                 .role = Role::Owner,
                 .example = R"({"profile": "strict"})"});
    toolbox.add({.name = "governor.set_goal",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "goal*:string budget:object{calls,seconds,writes} session_id:id",
                 .summary = "goal and budgets for a session; an agent may tighten a budget, "
                            "only the owner widens it",
                 .free_text = true});
    toolbox.add({.name = "governor.check_drift",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "action*:string session_id:id",
                 .summary = "how far an action is from the goal",
                 .free_text = true});
    toolbox.add({.name = "governor.classify",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "command*:string",
                 .summary = "is a shell command safe, caution, dangerous or forbidden, with "
                            "the reason",
                 .free_text = true,
                 .example = R"({"command": "rm -rf /"})"});
    toolbox.add({.name = "dharma.rules",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "profile:string",
                 .summary = "active rules with source file and line"});
}

}  // namespace resonant::tools
