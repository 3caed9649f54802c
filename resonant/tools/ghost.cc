#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

void add_ghost(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin(
        {.key = "ghost",
         .wire_name = "gana_ghost_tools",
         .mansion = "鬼 Gui",
         .quadrant = "South",
         .summary = "Find tools and what they need: suggest, schema, dry run; gnosis=alerts"});
    toolbox.add({.name = "capability.list",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "",
                 .summary = "facts about this server: version, protocol eras, limits, "
                            "features; for tools use capability.matrix"});
    toolbox.add({.name = "capability.matrix",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "query:string gana:string access:read|write|execute|delete "
                               "detail:names|summary|schema available:bool limit:int "
                               "cursor:string",
                 .summary = "find tools: search words or page through all families; shows "
                            "access class and whether built",
                 .pace = Pace::Slow,
                 .free_text = true,
                 .example = R"({"query": "find memories", "detail": "summary"})"});
    toolbox.add({.name = "capability.suggest",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "goal*:string limit:int",
                 .summary = "describe a goal, get the tools that fit with scores and an "
                            "example call",
                 .pace = Pace::Slow,
                 .free_text = true});
    toolbox.add({.name = "tool.schema",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "tools*:string[]",
                 .summary = "input and output schema and one example of each tool named (also "
                            "comes by itself when a call lacks an argument)"});
    toolbox.add({.name = "tool.explain",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "tool*:string arguments:object",
                 .summary = "dry run of one call: which stage and rule would allow or deny it, "
                            "declared effects, cost; nothing runs",
                 .free_text = true,
                 .example = R"({"tool": "memory.add", "arguments": {"content": "text"}})"});
    toolbox.add({.name = "gnosis",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "compact:bool portal:string",
                 .summary = "what needs attention now: alerts and suggested next actions from "
                            "one board snapshot"});
    toolbox.add({.name = "starter.list",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "name:string",
                 .summary = "curated tool sets for common jobs, or one set in full"});
    toolbox.add({.name = "starter.suggest",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "context*:string",
                 .summary = "the set that fits",
                 .free_text = true});
}

}  // namespace resonant::tools
