#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Role;

void add_willow(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin({.key = "willow",
                   .wire_name = "gana_willow_limits",
                   .mansion = "柳 Liu",
                   .quadrant = "South",
                   .summary = "Why calls are refused: rate budgets left, circuit breakers"});
    toolbox.add({.name = "rate.stats",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "agent:string",
                 .summary = "budgets left, denials, by agent and tool"});
    toolbox.add({.name = "breaker.status",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "tool:string",
                 .summary = "states of the circuit breakers on the board"});
    toolbox.add({.name = "breaker.reset",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "tool*:string",
                 .summary = "owner only: close a tripped breaker by hand",
                 .role = Role::Owner});
}

}  // namespace resonant::tools
