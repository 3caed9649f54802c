#include "resonant/tools/families.h"

#include <array>

#include "resonant/tools/answers.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/services.h"

namespace resonant::tools {

using call::Access;
using call::Pace;
using call::Role;

namespace {

Result<Json> dashboard(Services& services, call::Call& call) {
    constexpr std::array<memory::Zone, 5> kZones = {memory::Zone::Core, memory::Zone::InnerRim,
                                                    memory::Zone::MidBand, memory::Zone::OuterRim,
                                                    memory::Zone::FarEdge};
    memory::Filter filter;
    filter.galaxy = text_of(call, "galaxy", filter.galaxy);
    RESONANT_ASSIGN(const memory::ZoneStats zones, services.sea->zones(filter.galaxy));
    RESONANT_ASSIGN(const memory::Page top,
                    services.sea->list("importance", filter, 5, "", call.caller.principal));
    const memory::VectorStatus vectors = services.sea->status();
    Json answer = {{"galaxy", filter.galaxy},
                   {"total", zones.total},
                   {"archived", zones.archived},
                   {"protected", zones.protected_count},
                   {"mean_retention", rounded(zones.mean_retention)},
                   {"embedded", vectors.embedded},
                   {"zones", Json::object()},
                   {"top", Json::array()}};
    for (std::size_t i = 0; i < kZones.size(); ++i) {
        answer["zones"][std::string(memory::name_of(kZones[i]))] = zones.count[i];
    }
    for (const memory::Hit& hit : top.hits) {
        answer["top"].push_back({{"id", memory::wire_id(hit.memory.id)},
                                 {"title", title_of(hit.memory)},
                                 {"importance", rounded(hit.memory.importance)}});
    }
    return answer;
}

Result<Json> erase(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const memory::MemoryId id, memory_id_of(call, "id"));
    RESONANT_CHECK(services.sea->erase(id, text_of(call, "reason"), call.caller.principal));
    return Json{{"id", memory::wire_id(id)},
                {"erased", true},
                {"kept", "a tombstone and the ledger entry"}};
}

}  // namespace

void add_void(Toolbox& toolbox, Services& services) {
    toolbox.begin(
        {.key = "void",
         .wire_name = "gana_void_stores",
         .mansion = "虚 Xu",
         .quadrant = "North",
         .summary = "Separate memory stores for a project; map of memory; erase for ever"});
    toolbox.add({.name = "memory.erase",
                 .access = Access::Delete,
                 .core = false,
                 .parameters = "id*:id reason*:string",
                 .summary = "owner only, lawful erasure: destroys the text for ever, keeps a "
                            "tombstone and the ledger entry; to hide a memory use "
                            "memory.archive",
                 .role = Role::Owner,
                 .pace = Pace::Slow,
                 .free_text = true},
                bind(services, erase));
    toolbox.add({.name = "galaxy.create",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "name*:string description:string tags:string[]",
                 .summary = "a separate memory store, for example one a project",
                 .free_text = true});
    toolbox.add({.name = "galaxy.ingest",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "name*:string path*:path pattern:string max_files:int "
                               "validate_only:bool",
                 .summary = "read files (text, markdown, code) into a store; reports refused "
                            "files",
                 .pace = Pace::Slow});
    toolbox.add({.name = "galaxy.list",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "",
                 .summary = "stores with counts"});
    toolbox.add({.name = "galaxy.switch",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "name*:string session_id:id",
                 .summary = "default store of this session; any memory call may name another "
                            "with galaxy"});
    toolbox.add({.name = "galaxy.retire",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "name*:string",
                 .summary = "take a store off the list; its file stays"});
    toolbox.add({.name = "galactic.dashboard",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "galaxy:string",
                 .summary = "map of memory: counts a zone, clusters, retention, top memories",
                 .pace = Pace::Slow},
                bind(services, dashboard));
    toolbox.add({.name = "constellation.list",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "limit:int",
                 .summary = "clusters of embeddings: names, tags, size, cohesion, drift"});
}

}  // namespace resonant::tools
