#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Role;

void add_wall(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin({.key = "wall",
                   .wire_name = "gana_wall_votes",
                   .mansion = "壁 Bi",
                   .quadrant = "North",
                   .summary = "Votes among agents: open, cast, count, record how it turned out"});
    toolbox.add({.name = "vote.create",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "problem*:string options:string[] "
                               "strategy:majority|weighted|unanimous|first",
                 .summary = "open a vote",
                 .role = Role::Coordinator,
                 .free_text = true});
    toolbox.add({.name = "vote.cast",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "vote_id*:id choice*:string confidence:0..1 reasoning:string",
                 .summary = "one voice an agent",
                 .free_text = true});
    toolbox.add({.name = "vote.list",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "status:open|closed|all limit:int cursor:string",
                 .summary = "votes"});
    toolbox.add({.name = "vote.tally",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "vote_id*:id close:bool",
                 .summary = "count a vote; close=true ends it; returns choice, shares, "
                            "strength of consensus"});
    toolbox.add({.name = "vote.record_outcome",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "vote_id*:id success*:bool notes:string",
                 .summary = "say whether it worked; weighs later voices",
                 .role = Role::Coordinator,
                 .free_text = true});
}

}  // namespace resonant::tools
