#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

void add_extended_net(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin({.key = "extended_net",
                   .wire_name = "gana_extended_net_patterns",
                   .mansion = "张 Zhang",
                   .quadrant = "South",
                   .summary = "Which tool comes next; patterns seen in calls and memories"});
    toolbox.add({.name = "tool.graph",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "tool:string depth:int detail:names|schema",
                 .summary = "around one tool: what supplies its arguments, what uses its "
                            "answer, what usually follows"});
    toolbox.add({.name = "usage.patterns",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "tool:string limit:int",
                 .summary = "tool sequences seen often here, with counts; for one tool: the "
                            "likely next ones"});
    toolbox.add({.name = "pattern.search",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "query*:string min_confidence:number",
                 .summary = "recurring patterns that the engines found in memories and calls, "
                            "with confidence and evidence ids",
                 .pace = Pace::Slow,
                 .free_text = true});
}

}  // namespace resonant::tools
