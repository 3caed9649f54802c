#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

void add_turtle_beak(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin({.key = "turtle_beak",
                   .wire_name = "gana_turtle_beak_models",
                   .mansion = "觜 Zui",
                   .quadrant = "West",
                   .summary = "Ask another model or several; infer from rules without a model"});
    toolbox.add({.name = "edge.infer",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "query*:string ground_in_memory:bool",
                 .summary = "answer from compiled rules and memories, no model involved; says "
                            "when it does not know",
                 .pace = Pace::Slow,
                 .free_text = true});
    toolbox.add({.name = "model.list",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "",
                 .summary = "models that can be asked: the configured endpoint, and the "
                            "client's own through sampling"});
    toolbox.add({.name = "model.chat",
                 .access = Access::Execute,
                 .core = false,
                 .parameters = "messages*:object[]{role,content} model:string max_tokens:int "
                               "json_schema:object",
                 .summary = "ask one model, several turns",
                 .pace = Pace::Slow,
                 .external = true,
                 .free_text = true});
    toolbox.add({.name = "ensemble.ask",
                 .access = Access::Execute,
                 .core = false,
                 .parameters = "prompt*:string models:string[] timeout_s:number",
                 .summary = "ask several models and compare",
                 .pace = Pace::Slow,
                 .external = true,
                 .free_text = true});
}

}  // namespace resonant::tools
