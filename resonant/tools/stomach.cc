#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

void add_stomach(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin({.key = "stomach",
                   .wire_name = "gana_stomach_tasks",
                   .mansion = "胃 Wei",
                   .quadrant = "West",
                   .summary = "Work queue: submit, claim, complete tasks; multi-step pipelines"});
    toolbox.add({.name = "task.cancel",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "task_id:id pipeline_id:id reason:string",
                 .summary = "stop a queued or running task, or a pipeline run, between steps; "
                            "give one of the two ids"});
    toolbox.add({.name = "pipeline.create",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "name*:string steps*:object[]{id,tool,arguments,needs[]}",
                 .summary = "store a multi-step chain of tool calls with dependencies; returns "
                            "pipeline_id; runs nothing",
                 .free_text = true});
    toolbox.add({.name = "pipeline.run",
                 .access = Access::Execute,
                 .core = false,
                 .parameters = "pipeline_id*:id inputs:object dry_run:bool",
                 .summary = "run a stored chain; each step governed, resumable after a crash; "
                            "returns run state at once",
                 .pace = Pace::Slow,
                 .external = true});
    toolbox.add({.name = "pipeline.status",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "pipeline_id*:id",
                 .summary = "state and results of each step"});
    toolbox.add({.name = "pipeline.list",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "status:created|running|done|failed|all limit:int cursor:string",
                 .summary = "pipelines"});
    toolbox.add({.name = "task.submit",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "kind*:string payload:object target:string priority:int "
                               "after:time idempotency_key:string",
                 .summary = "queue a task for any agent, kept over restarts; returns task_id",
                 .free_text = true});
    toolbox.add({.name = "task.claim",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "kinds:string[] lease_s:number task_id:id",
                 .summary = "take the next task under a lease; with task_id: renew your own "
                            "lease; lease lost = task returns to the queue"});
    toolbox.add({.name = "task.complete",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "task_id*:id success*:bool output:object error:string retry:bool",
                 .summary = "finish a task that you claimed",
                 .free_text = true});
    toolbox.add({.name = "task.status",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "task_id:id status:queued|claimed|done|failed|cancelled|all "
                               "kind:string limit:int cursor:string",
                 .summary = "one task, or with no id a filtered list and the summary"});
}

}  // namespace resonant::tools
