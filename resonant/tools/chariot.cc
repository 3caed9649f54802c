#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

void add_chariot(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin(
        {.key = "chariot",
         .wire_name = "gana_chariot_files",
         .mansion = "轸 Zhen",
         .quadrant = "South",
         .summary = "Files, web, facts: tree summary, file notes, fetch URL, entity graph"});
    toolbox.add({.name = "repo.summary",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "path*:path",
                 .summary = "files, sizes and languages of a work tree",
                 .pace = Pace::Slow});
    toolbox.add({.name = "web.fetch",
                 .access = Access::Execute,
                 .core = true,
                 .parameters = "url*:url max_chars:int offset:int",
                 .summary = "fetch a web page as text (leaves the machine); private and "
                            "loopback addresses refused unless the policy allows; text is "
                            "marked untrusted",
                 .pace = Pace::Slow,
                 .external = true});
    toolbox.add({.name = "archaeology.record",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "path*:path context:string insight:string",
                 .summary = "note why a file was read or changed, so that the next session knows",
                 .free_text = true});
    toolbox.add({.name = "archaeology.timeline",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "path:path limit:int",
                 .summary = "notes and touches of a file, or of the whole tree, newest first"});
    toolbox.add({.name = "kg.extract",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "text*:string source_id:id",
                 .summary = "entities and relations out of a text",
                 .pace = Pace::Slow,
                 .free_text = true});
    toolbox.add({.name = "kg.query",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "entity:string depth:int limit:int",
                 .summary = "an entity and its neighbours; with no entity: the most connected "
                            "ones",
                 .free_text = true});
}

}  // namespace resonant::tools
