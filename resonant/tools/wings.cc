#include "resonant/tools/export.h"
#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

void add_wings(Toolbox& toolbox, Services& services) {
    toolbox.begin(
        {.key = "wings",
         .wire_name = "gana_wings_export",
         .mansion = "翼 Yi",
         .quadrant = "South",
         .summary = "Export memories, and the tables of Arrow files"});
    toolbox.add({.name = "memory.export",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "format:json|jsonl|csv|markdown|parquet|arrow path:string "
                               "tags:string[] query:string galaxy:string include_private:bool limit:int "
                               "cursor:string",
                 .summary = "copy memories out: to a file when path is given (arrow and "
                            "parquet need one), else one page in the answer; of all galaxies "
                            "unless one is named; the answer says what is left out",
                 .pace = Pace::Slow,
                 .external = true,
                 .free_text = true},
                bind(services, export_memories));
    toolbox.add({.name = "audit.export",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "format:jsonl|csv since:time until:time tool:string "
                               "agent:string limit:int cursor:string",
                 .summary = "ledger records with filters, in the answer",
                 .pace = Pace::Slow});
    toolbox.add({.name = "datasea.export",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "name*:string format:arrow|parquet path*:path",
                 .summary = "write one Arrow table (memories or an engine output) to a file "
                            "inside the allowed folders",
                 .pace = Pace::Slow,
                 .external = true},
                bind(services, export_table));
    toolbox.add({.name = "mesh.status",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "",
                 .summary = "machines joined, links, lag"});
    toolbox.add({.name = "mesh.broadcast",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "type*:string payload:object",
                 .summary = "publish an event to all joined machines",
                 .external = true});
    toolbox.add({.name = "karma.checkpoint",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "",
                 .summary = "sign the ledger's current root and write it out",
                 .external = true});
}

}  // namespace resonant::tools
