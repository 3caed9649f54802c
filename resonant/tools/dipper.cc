#include "resonant/tools/families.h"

#include <algorithm>

#include "resonant/govern/maturity.h"
#include "resonant/plane/kernel_plane.h"
#include "resonant/tools/answers.h"
#include "resonant/tools/regulation.h"
#include "resonant/tools/services.h"

namespace resonant::tools {

using call::Access;

namespace {

Result<Json> assess(Services& services, call::Call&) {
    const std::vector<govern::Gate> gates = services.maturity->assess();
    Json answer = {{"stage", services.maturity->passed()},
                   {"gates", Json::array()},
                   {"locked", Json::array()}};
    for (const govern::Gate& gate : gates) {
        answer["gates"].push_back({{"stage", call::name_of(gate.stage)},
                                   {"passed", gate.passed},
                                   {"seen", gate.seen},
                                   {"unlocks", gate.passed ? "" : gate.unlocks}});
    }
    for (const Tool& tool : services.toolbox->tools()) {
        if (static_cast<int>(tool.contract.maturity) > services.maturity->passed()) {
            answer["locked"].push_back(
                {{"tool", tool.contract.name}, {"needs", call::name_of(tool.contract.maturity)}});
        }
    }
    return answer;
}

Result<Json> homeostasis(Services& services, call::Call&) {
    Level worst = Level::Observe;
    Json fields = Json::array();
    for (const Regulated& one : regulate(services.plane->board().view().snapshot().harmony)) {
        worst = std::max(worst, one.level());
        Json thresholds = Json::object();
        if (one.advise_below > 0) thresholds["advise"] = one.advise_below;
        if (one.correct_below > 0) thresholds["correct"] = one.correct_below;
        if (one.intervene_below > 0) thresholds["intervene"] = one.intervene_below;
        fields.push_back({{"field", one.field},
                          {"value", rounded(one.value)},
                          {"level", name_of(one.level())},
                          {"below", thresholds}});
    }
    return Json{
        {"level", name_of(worst)},
        {"fields", fields},
        {"note", "it watches and advises; it corrects nothing by itself"}};
}

}  // namespace

void add_dipper(Toolbox& toolbox, Services& services) {
    toolbox.begin({.key = "dipper",
                   .wire_name = "gana_dipper_regulate",
                   .mansion = "斗 Dou",
                   .quadrant = "North",
                   .summary = "Self-regulation: levels of health (homeostasis), gates of maturity"});
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
                 .summary = "levels, last actions, thresholds"},
                bind(services, homeostasis));
    toolbox.add({.name = "homeostasis.run",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "",
                 .summary = "one regulation step now"});
    toolbox.add({.name = "maturity.assess",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "",
                 .summary = "stages passed, what is locked and what would unlock it"},
                bind(services, assess));
}

}  // namespace resonant::tools
