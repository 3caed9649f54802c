// The 28 families, in the order of the catalogue. Each file adds one family: what its tools
// promise, and what they do.
//
// Called once at start, by one thread. Handlers keep a reference to Services, which outlives the
// Toolbox; nothing is touched before the first call.
#pragma once

#include "resonant/tools/toolbox.h"

namespace resonant::tools {

struct Services;

void add_horn(Toolbox& toolbox, Services& services);
void add_neck(Toolbox& toolbox, Services& services);
void add_root(Toolbox& toolbox, Services& services);
void add_room(Toolbox& toolbox, Services& services);
void add_heart(Toolbox& toolbox, Services& services);
void add_tail(Toolbox& toolbox, Services& services);
void add_winnowing_basket(Toolbox& toolbox, Services& services);
void add_ghost(Toolbox& toolbox, Services& services);
void add_willow(Toolbox& toolbox, Services& services);
void add_star(Toolbox& toolbox, Services& services);
void add_extended_net(Toolbox& toolbox, Services& services);
void add_wings(Toolbox& toolbox, Services& services);
void add_chariot(Toolbox& toolbox, Services& services);
void add_abundance(Toolbox& toolbox, Services& services);
void add_straddling_legs(Toolbox& toolbox, Services& services);
void add_mound(Toolbox& toolbox, Services& services);
void add_stomach(Toolbox& toolbox, Services& services);
void add_hairy_head(Toolbox& toolbox, Services& services);
void add_net(Toolbox& toolbox, Services& services);
void add_turtle_beak(Toolbox& toolbox, Services& services);
void add_three_stars(Toolbox& toolbox, Services& services);
void add_dipper(Toolbox& toolbox, Services& services);
void add_ox(Toolbox& toolbox, Services& services);
void add_girl(Toolbox& toolbox, Services& services);
void add_void(Toolbox& toolbox, Services& services);
void add_roof(Toolbox& toolbox, Services& services);
void add_encampment(Toolbox& toolbox, Services& services);
void add_wall(Toolbox& toolbox, Services& services);

// All of them.
void add_all(Toolbox& toolbox, Services& services);

}  // namespace resonant::tools
