#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

void add_tail(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin({.key = "tail",
                   .wire_name = "gana_tail_chains",
                   .mansion = "尾 Wei",
                   .quadrant = "East",
                   .summary = "Run owner-declared tool chains; similarity of texts or vectors"});
    toolbox.add({.name = "text.similarity",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "a*:string b*:string method:semantic|edit|jaccard",
                 .summary = "similarity of two texts",
                 .pace = Pace::Slow,
                 .free_text = true});
    toolbox.add({.name = "cascade.run",
                 .access = Access::Execute,
                 .core = false,
                 .parameters = "name*:string context:object dry_run:bool",
                 .summary = "run a chain declared by the owner in a file (see cascade.list); "
                            "each step governed; for your own chain use pipeline",
                 .pace = Pace::Slow,
                 .external = true});
    toolbox.add({.name = "cascade.list",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "tag:string",
                 .summary = "chains declared in files: name, steps, inputs"});
    toolbox.add({.name = "simd.batch",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "query*:number[] vectors*:number[][]",
                 .summary = "cosine of one against many",
                 .pace = Pace::Slow});
}

}  // namespace resonant::tools
