#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

void add_three_stars(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin({.key = "three_stars",
                   .wire_name = "gana_three_stars_reason",
                   .mansion = "参 Shen",
                   .quadrant = "West",
                   .summary = "Deliberate: opposed readings, council, improvements, best subset"});
    toolbox.add({.name = "reason.bicameral",
                 .access = Access::Execute,
                 .core = false,
                 .parameters = "query*:string context:object",
                 .summary = "ask a model for two opposed readings of a question, each "
                            "criticised by the other, then joined; costs several model calls",
                 .pace = Pace::Slow,
                 .external = true,
                 .free_text = true});
    toolbox.add({.name = "kaizen.analyze",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "target:string",
                 .summary = "improvements worth making in the store and in tool use",
                 .pace = Pace::Slow});
    toolbox.add({.name = "kaizen.apply",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "fix_ids*:id[] dry_run:bool",
                 .summary = "apply fixes that kaizen.analyze proposed (fix_ids); dry_run shows "
                            "the difference",
                 .pace = Pace::Slow});
    toolbox.add({.name = "council.convene",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "task*:string ganas:string[]",
                 .summary = "collect the engines' newest findings on a task and weigh them, "
                            "without a model",
                 .pace = Pace::Slow,
                 .free_text = true});
    toolbox.add({.name = "optimize.select",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "items*:object[]{id,value,cost} budget*:number "
                               "edges:object[]{id,needs}",
                 .summary = "choose the best subset of items under a budget and dependencies "
                            "(exact)",
                 .pace = Pace::Slow});
}

}  // namespace resonant::tools
