#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Pace;
using call::Role;

void add_straddling_legs(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin({.key = "straddling_legs",
                   .wire_name = "gana_straddling_legs_consent",
                   .mansion = "奎 Kui",
                   .quadrant = "West",
                   .summary = "May I? score an action's ethics; ask, grant, check human consent"});
    toolbox.add({.name = "consent.revoke",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "consent_id*:id",
                 .summary = "take back a consent at once"});
    toolbox.add({.name = "ethics.evaluate",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "action*:string context:object",
                 .summary = "score an action against rules and principles, rule by rule: "
                            "boundaries crossed, guidance, nearest precedent in the ledger",
                 .free_text = true});
    toolbox.add(
        {.name = "consent.request",
         .access = Access::Write,
         .core = true,
         .parameters = "action*:string reason*:string ttl_s:number wait_s:number<=30",
         .summary = "ask the person for consent (elicitation where the client has it, "
                    "else the owner answers at the command line); returns consent_id, "
                    "state granted|refused|waiting",
         .pace = Pace::Waits,
         .free_text = true,
         .example =
             R"({"action": "sandbox.run", "reason": "the build has to run", "wait_s": 20})"});
    toolbox.add({.name = "consent.grant",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "scope*:string to*:string ttl_s*:number request_id:id",
                 .summary = "owner only: record a person's consent for a class of actions, or "
                            "answer a consent.request; always expires",
                 .role = Role::Owner,
                 .example = R"({"scope": "sandbox.run", "to": "uid:1000", "ttl_s": 600})"});
    toolbox.add({.name = "consent.verify",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "action:string",
                 .summary = "is there live consent that covers the action; with no action: all "
                            "live consents and waiting requests"});
}

}  // namespace resonant::tools
