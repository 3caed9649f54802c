#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

void add_heart(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin(
        {.key = "heart",
         .wire_name = "gana_heart_context",
         .mansion = "心 Xin",
         .quadrant = "East",
         .summary = "Working context: pack memories, notes, hand over, read cut answers"});
    toolbox.add({.name = "context.pack",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "query*:string token_budget*:int session_id:id galaxy:string "
                               "limit:int",
                 .summary = "one ready-to-paste text of the memories most useful for a task, "
                            "cut to a token budget",
                 .pace = Pace::Slow,
                 .free_text = true});
    toolbox.add({.name = "scratchpad.create",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "name*:string session_id:id",
                 .summary = "open working notes with named sections; returns scratchpad_id",
                 .free_text = true});
    toolbox.add({.name = "scratchpad.update",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "scratchpad_id*:id section*:string content*:string "
                               "mode:append|replace",
                 .summary = "write one section (made if absent)",
                 .free_text = true});
    toolbox.add({.name = "scratchpad.read",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "scratchpad_id:id section:string",
                 .summary = "read the notes or one section; with no id: list open scratchpads"});
    toolbox.add({.name = "scratchpad.finalize",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "scratchpad_id*:id "
                               "type:note|fact|decision|task|code|pattern|narrative "
                               "tags:string[]",
                 .summary = "turn the notes into a memory; returns memory_id",
                 .pace = Pace::Slow,
                 .free_text = true});
    toolbox.add({.name = "handoff.offer",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "session_id*:id to:string message:string",
                 .summary = "hand a session to another agent, client or device (to: agent "
                            "name, or nobody for whoever accepts); returns handoff_id",
                 .free_text = true});
    toolbox.add({.name = "handoff.accept",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "handoff_id*:id",
                 .summary = "take one over, with its context"});
    toolbox.add({.name = "handoff.list",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "status:open|accepted|all limit:int",
                 .summary = "handoffs waiting and done"});
    toolbox.add({.name = "result.read",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "result_id*:id offset:int limit:int",
                 .summary = "read on in an answer that was cut because it was large (the cut "
                            "answer names its result_id)"});
}

}  // namespace resonant::tools
