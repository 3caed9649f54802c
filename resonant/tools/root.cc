#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

void add_root(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin(
        {.key = "root",
         .wire_name = "gana_root_health",
         .mansion = "氐 Di",
         .quadrant = "East",
         .summary = "Is this server healthy; its paths and CPU; release check of a tree"});
    toolbox.add({.name = "health.report",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "section:string",
                 .summary = "parts and versions in detail, probed live, or one section: board, "
                            "ring, memory, upstream servers, tools, sizes",
                 .pace = Pace::Slow});
    toolbox.add({.name = "health.check",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "",
                 .summary = "alive and ready? one line",
                 .calls_per_minute = 600});
    toolbox.add({.name = "state.paths",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "",
                 .summary = "folders, sockets and files that this server uses"});
    toolbox.add({.name = "native.status",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "",
                 .summary = "instruction sets, chosen kernels and their bandwidth, IPC in use "
                            "and why",
                 .pace = Pace::Slow});
    toolbox.add({.name = "release.check",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "path*:path max_matches:int large_file_mb:number",
                 .summary = "before a release: scan a work tree for secrets, huge files, "
                            "absolute paths",
                 .pace = Pace::Slow});
}

}  // namespace resonant::tools
