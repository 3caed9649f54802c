#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

void add_mound(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin(
        {.key = "mound",
         .wire_name = "gana_mound_state",
         .mansion = "娄 Lou",
         .quadrant = "West",
         .summary = "Live state now: board fields, 7 health numbers, metrics, 28 engines"});
    toolbox.add({.name = "harmony.vector",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "",
                 .summary = "seven health numbers from 0 (bad) to 1 (good) and the composite; "
                            "error_rate 1 means no errors"});
    toolbox.add({.name = "metric.record",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "name*:string value*:number tags:object",
                 .summary = "record a number"});
    toolbox.add({.name = "metric.summary",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "name:string since:time",
                 .summary = "count, mean, percentiles of a recorded metric; with no name: all "
                            "names"});
    toolbox.add({.name = "yinyang.balance",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "minutes:int",
                 .summary = "share of writing and of reading calls in the last minutes, with "
                            "advice"});
    toolbox.add({.name = "board.read",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "field:string",
                 .summary = "live shared state: one field, or the whole consistent snapshot "
                            "with its age"});
    toolbox.add({.name = "board.watch",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "field*:string above:number below:number timeout_s:number<=30",
                 .summary = "wait in this call until a field crosses a threshold; to wait for "
                            "hours use monitor.spawn",
                 .pace = Pace::Waits,
                 .example = R"({"field": "error_rate", "below": 0.5, "timeout_s": 10})"});
    toolbox.add({.name = "engine.list",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "",
                 .summary = "the 28 engines: what each watches, what it publishes, last run, "
                            "last error"});
    toolbox.add({.name = "engine.output",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "engine*:string limit:int",
                 .summary = "the newest Arrow batch that an engine published, as rows"});
    toolbox.add({.name = "datasea.status",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "",
                 .summary = "Arrow files: rows, bytes, segments, age, readers"});
}

}  // namespace resonant::tools
