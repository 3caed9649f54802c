#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

void add_horn(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin(
        {.key = "horn",
         .wire_name = "gana_horn_sessions",
         .mansion = "角 Jiao",
         .quadrant = "East",
         .summary = "Work sessions: call session.bootstrap first; start, resume, checkpoint"});
    toolbox.add({.name = "session.start",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "name*:string goals:string[] tags:string[] tier:brief|normal|deep",
                 .summary = "open a named work session; returns session_id, pass it to later "
                            "calls (it is only a default where the client keeps one "
                            "connection)",
                 .free_text = true});
    toolbox.add({.name = "session.resume",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "session_id*:id tier:brief|normal|deep",
                 .summary = "reopen a stored session (id from session.list) and return goals, "
                            "checkpoints, pinned memories, last results"});
    toolbox.add({.name = "session.checkpoint",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "session_id*:id name:string note:string",
                 .summary = "save a named restore point inside a session",
                 .free_text = true});
    toolbox.add({.name = "session.list",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "status:open|ended|all limit:int cursor:string",
                 .summary = "sessions, newest first"});
    toolbox.add({.name = "session.end",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "session_id*:id summary:string",
                 .summary = "close a session; its summary becomes a memory; returns memory_id",
                 .pace = Pace::Slow,
                 .free_text = true});
    toolbox.add({.name = "session.bootstrap",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "query:string token_budget:int galaxy:string",
                 .summary = "call first: one answer with health, open sessions, relevant "
                            "memories, tools worth using",
                 .pace = Pace::Slow,
                 .free_text = true});
}

}  // namespace resonant::tools
