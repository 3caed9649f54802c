#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Pace;
using call::Role;

void add_void(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin(
        {.key = "void",
         .wire_name = "gana_void_stores",
         .mansion = "虚 Xu",
         .quadrant = "North",
         .summary = "Separate memory stores for a project; map of memory; erase for ever"});
    toolbox.add({.name = "memory.erase",
                 .access = Access::Delete,
                 .core = false,
                 .parameters = "id*:id reason*:string",
                 .summary = "owner only, lawful erasure: destroys the text for ever, keeps a "
                            "tombstone and the ledger entry; to hide a memory use "
                            "memory.archive",
                 .role = Role::Owner,
                 .pace = Pace::Slow,
                 .free_text = true});
    toolbox.add({.name = "galaxy.create",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "name*:string description:string tags:string[]",
                 .summary = "a separate memory store, for example one a project",
                 .free_text = true});
    toolbox.add({.name = "galaxy.ingest",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "name*:string path*:path pattern:string max_files:int "
                               "validate_only:bool",
                 .summary = "read files (text, markdown, code) into a store; reports refused "
                            "files",
                 .pace = Pace::Slow});
    toolbox.add({.name = "galaxy.list",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "",
                 .summary = "stores with counts"});
    toolbox.add({.name = "galaxy.switch",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "name*:string session_id:id",
                 .summary = "default store of this session; any memory call may name another "
                            "with galaxy"});
    toolbox.add({.name = "galaxy.retire",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "name*:string",
                 .summary = "take a store off the list; its file stays"});
    toolbox.add({.name = "galactic.dashboard",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "galaxy:string",
                 .summary = "map of memory: counts a zone, clusters, retention, top memories",
                 .pace = Pace::Slow});
    toolbox.add({.name = "constellation.list",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "limit:int",
                 .summary = "clusters of embeddings: names, tags, size, cohesion, drift"});
}

}  // namespace resonant::tools
