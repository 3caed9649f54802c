#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

void add_ox(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin(
        {.key = "ox",
         .wire_name = "gana_ox_swarm",
         .mansion = "牛 Niu",
         .quadrant = "North",
         .summary = "Sleeping watchers on board fields, their escalations; plan a swarm"});
    toolbox.add({.name = "monitor.spawn",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "count:int field*:string above:number below:number "
                               "spread:number action:escalate|event|task payload:object",
                 .summary = "put watchers to sleep on a board field; on crossing they "
                            "escalate, publish or queue a task; returns group",
                 .example = R"({"field": "error_rate", "below": 0.5, "action": "escalate"})"});
    toolbox.add({.name = "monitor.list",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "field:string state:asleep|escalated|executing|all group:string "
                               "limit:int cursor:string",
                 .summary = "watchers, states, counts, bytes each"});
    toolbox.add({.name = "monitor.stop",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "id:id group:string",
                 .summary = "remove watchers by id or group (one is required)",
                 .example = R"({"group": "g1"})"});
    toolbox.add({.name = "reasoner.next",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "wait_s:number<=30",
                 .summary = "take the next escalated watcher with its goal, snapshot, memories "
                            "and events; returns reasoner_id",
                 .pace = Pace::Waits});
    toolbox.add(
        {.name = "reasoner.resolve",
         .access = Access::Write,
         .core = false,
         .parameters = "reasoner_id*:id outcome*:sleep|execute|dismiss "
                       "plan:object[]{tool,arguments} note:string",
         .summary = "answer an escalation: back to sleep, or hand the plan to an executor",
         .pace = Pace::Slow,
         .free_text = true,
         .example =
             R"({"reasoner_id": "q1", "outcome": "execute", "plan": [{"tool": "health.report", "arguments": {}}]})"});
    toolbox.add({.name = "executor.status",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "executor_id:id limit:int",
                 .summary = "plans being carried out, step by step; with no id: all"});
    toolbox.add({.name = "swarm.decompose",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "goal*:string hints:string[]",
                 .summary = "split a goal into subtasks with needed capabilities and an order; "
                            "returns plan_id",
                 .free_text = true});
    toolbox.add({.name = "swarm.route",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "plan_id*:id",
                 .summary = "assign subtasks by capability, load and trust"});
    toolbox.add({.name = "swarm.plan",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "plan_id*:id",
                 .summary = "one plan: subtasks, who has them, results"});
    toolbox.add({.name = "swarm.complete",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "plan_id*:id task_id*:id success*:bool result:object",
                 .summary = "finish a subtask",
                 .free_text = true});
    toolbox.add({.name = "swarm.status",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "",
                 .summary = "agents and watchers by state, memory each, wake latency"});
}

}  // namespace resonant::tools
