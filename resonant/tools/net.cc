#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;

void add_net(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin({.key = "net",
                   .wire_name = "gana_net_prompts",
                   .mansion = "毕 Bi",
                   .quadrant = "West",
                   .summary = "Prompt templates: list, fill in, reload"});
    toolbox.add({.name = "prompt.list",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "tag:string",
                 .summary = "templates"});
    toolbox.add({.name = "prompt.render",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "name*:string variables:object",
                 .summary = "fill one template (name from prompt.list)",
                 .free_text = true});
    toolbox.add({.name = "prompt.reload",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "",
                 .summary = "read the template folder again"});
}

}  // namespace resonant::tools
