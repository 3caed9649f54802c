#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;

void add_dipper(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin({.key = "dipper",
                   .wire_name = "gana_dipper_regulate",
                   .mansion = "斗 Dou",
                   .quadrant = "North",
                   .summary = "Self-regulation: drives, forecasts, alerts, maturity, homeostasis"});
    toolbox.add({.name = "drive.snapshot",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "",
                 .summary = "curiosity, satisfaction, caution, energy, social levels"});
    toolbox.add({.name = "selfmodel.forecast",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "metric:string steps:int",
                 .summary = "trend of a metric with its interval"});
    toolbox.add({.name = "selfmodel.alerts",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "",
                 .summary = "forecasts that cross a threshold"});
    toolbox.add({.name = "homeostasis.status",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "",
                 .summary = "levels, last actions, thresholds"});
    toolbox.add({.name = "homeostasis.run",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "",
                 .summary = "one regulation step now"});
    toolbox.add({.name = "maturity.assess",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "",
                 .summary = "stages passed, what is locked and what would unlock it"});
}

}  // namespace resonant::tools
