#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Maturity;
using call::Pace;
using call::Role;

void add_abundance(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin({.key = "abundance",
                   .wire_name = "gana_abundance_dream",
                   .mansion = "豐 Feng",
                   .quadrant = "South",
                   .summary = "Idle upkeep of memory: dream phases, retention, forgotten gems"});
    toolbox.add({.name = "dream.start",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "idle_s:number phase_s:number",
                 .summary = "let idle time be used: consolidate, surface, govern, narrate, "
                            "improve, predict, decay, triage"});
    toolbox.add({.name = "dream.stop",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "",
                 .summary = "back to waking"});
    toolbox.add({.name = "dream.status",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "",
                 .summary = "phase, last results"});
    toolbox.add({.name = "dream.run_phase",
                 .access = Access::Write,
                 .core = false,
                 .parameters =
                     "phase*:consolidate|surface|govern|narrate|improve|predict|decay|triage "
                     "dry_run:bool",
                 .summary = "run one phase of memory upkeep now; reports what changed",
                 .pace = Pace::Slow});
    toolbox.add({.name = "lifecycle.sweep",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "limit:int dry_run:bool",
                 .summary = "rescore retention and move memories between zones; dry_run lists "
                            "the moves",
                 .role = Role::Coordinator,
                 .maturity = Maturity::Radiant,
                 .pace = Pace::Slow});
    toolbox.add({.name = "lifecycle.stats",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "",
                 .summary = "movements between zones over time"});
    toolbox.add({.name = "serendipity.surface",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "count:int context:string",
                 .summary = "dormant or bridging memories worth another look",
                 .pace = Pace::Slow,
                 .free_text = true});
    toolbox.add({.name = "serendipity.mark",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "id*:id useful:bool",
                 .summary = "feedback on what was surfaced"});
}

}  // namespace resonant::tools
