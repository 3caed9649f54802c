#include "resonant/tools/families.h"

#include "resonant/tools/executions.h"
#include "resonant/tools/services.h"
#include "resonant/tools/tool_search.h"

namespace resonant::tools {

void add_all(Toolbox& toolbox, Services& services) {
    add_horn(toolbox, services);
    add_neck(toolbox, services);
    add_root(toolbox, services);
    add_room(toolbox, services);
    add_heart(toolbox, services);
    add_tail(toolbox, services);
    add_winnowing_basket(toolbox, services);
    add_ghost(toolbox, services);
    add_willow(toolbox, services);
    add_star(toolbox, services);
    add_extended_net(toolbox, services);
    add_wings(toolbox, services);
    add_chariot(toolbox, services);
    add_abundance(toolbox, services);
    add_straddling_legs(toolbox, services);
    add_mound(toolbox, services);
    add_stomach(toolbox, services);
    add_hairy_head(toolbox, services);
    add_net(toolbox, services);
    add_turtle_beak(toolbox, services);
    add_three_stars(toolbox, services);
    add_dipper(toolbox, services);
    add_ox(toolbox, services);
    add_girl(toolbox, services);
    add_void(toolbox, services);
    add_roof(toolbox, services);
    add_encampment(toolbox, services);
    add_wall(toolbox, services);
    services.executions = std::make_shared<Executions>();
    services.search = std::make_shared<ToolSearch>(toolbox);
}

}  // namespace resonant::tools
