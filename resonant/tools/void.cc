#include "resonant/tools/families.h"

#include <fmt/core.h>

#include <array>

#include "resonant/memory/constellations.h"
#include "resonant/memory/galaxies.h"
#include "resonant/society/results.h"
#include "resonant/tools/answers.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/ingest.h"
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
    RESONANT_ASSIGN(filter.galaxy, galaxy_of(services, call));
    filter.include_private = true;  // the caller's own
    RESONANT_ASSIGN(const memory::ZoneStats zones,
                    services.sea->zones(filter.galaxy, call.caller.principal));
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
                   {"constellations", Json::array()},
                   {"top", Json::array()}};
    RESONANT_ASSIGN(const auto constellations, services.constellations->list(filter.galaxy, 5));
    for (const memory::Constellation& one : constellations) {
        answer["constellations"].push_back({{"name", one.name}, {"size", one.size}});
    }
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

Result<Json> create_galaxy(Services& services, call::Call& call) {
    memory::Galaxy galaxy;
    galaxy.name = text_of(call, "name");
    galaxy.description = text_of(call, "description");
    galaxy.tags = words_of(call, "tags");
    galaxy.by = call.caller.principal;
    RESONANT_CHECK(services.galaxies->create(galaxy));
    return Json{{"name", galaxy.name},
                {"use", "name it as galaxy in any memory call, or galaxy.switch"}};
}

Result<Json> list_galaxies(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const auto galaxies, services.galaxies->list(call.caller.principal));
    RESONANT_ASSIGN(const std::string current, galaxy_of(services, call));
    Json answer = {{"count", 0}, {"current", current}, {"galaxies", Json::array()}};
    for (const memory::Galaxy& galaxy : galaxies) {
        Json shown = {{"name", galaxy.name}, {"memories", galaxy.memories}};
        if (!galaxy.description.empty()) {
            shown["description"] = galaxy.description;
        }
        if (!galaxy.tags.empty()) {
            shown["tags"] = galaxy.tags;
        }
        if (galaxy.retired_ns != 0) {
            answer["retired"].push_back(std::move(shown));
        } else {
            answer["galaxies"].push_back(std::move(shown));
        }
    }
    answer["count"] = answer["galaxies"].size();
    return answer;
}

Result<Json> switch_galaxy(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const std::string key, galaxy_key(services, call));
    if (key.empty()) {
        return fail(Code::InvalidArgument,
                    "galaxy.switch: give session_id (from session.start); this client keeps no "
                    "connection that a default could belong to");
    }
    RESONANT_CHECK(services.galaxies->choose(key, text_of(call, "name")));
    return Json{{"name", text_of(call, "name")},
                {"for", key[0] == 's' ? "session " + key : std::string("this connection")}};
}

Result<Json> retire_galaxy(Services& services, call::Call& call) {
    const std::string name = text_of(call, "name");
    RESONANT_CHECK(services.galaxies->retire(name, call.caller.principal));
    return Json{{"name", name},
                {"retired", true},
                {"kept", "its memories; name it as galaxy to read them, galaxy.create takes it into use"}};
}

Result<Json> list_constellations(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const auto found, services.constellations->list("", limit_of(call, 20, 200)));
    Json answer = {{"count", found.size()}, {"constellations", Json::array()}};
    for (const memory::Constellation& one : found) {
        answer["constellations"].push_back({{"id", one.id},
                                            {"name", one.name},
                                            {"galaxy", one.galaxy},
                                            {"tags", one.tags},
                                            {"size", one.size},
                                            {"cohesion", rounded(one.cohesion)},
                                            {"stability", rounded(one.stability)},
                                            {"drift", rounded(one.drift)},
                                            {"since", show_time(one.made_ns)}});
    }
    if (found.empty()) {
        answer["note"] = "none found yet; dream.run_phase consolidate looks for them";
    }
    return answer;
}

Result<Json> erase(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const memory::MemoryId id, memory_id_of(call, "id"));
    RESONANT_CHECK(services.sea->erase(id, text_of(call, "reason"), call.caller.principal));
    services.results->forget();
    return Json{{"id", memory::wire_id(id)},
                {"erased", true},
                {"kept", "a tombstone and the ledger entry"}};
}

}  // namespace

// tidy-allow(functions_fit_a_screen): one table of declarations, read as one
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
                 .summary = "a separate memory store, for example for each project",
                 .free_text = true},
                bind(services, create_galaxy));
    toolbox.add({.name = "galaxy.ingest",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "name*:string path*:path pattern:string max_files:int "
                               "validate_only:bool",
                 .summary = "read files (text, markdown, code) into a store; reports refused "
                            "files",
                 .pace = Pace::Slow},
                bind(services, ingest_files));
    toolbox.add({.name = "galaxy.list",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "",
                 .summary = "stores with counts"},
                bind(services, list_galaxies));
    toolbox.add({.name = "galaxy.switch",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "name*:string session_id:id",
                 .summary = "default store of this session; any memory call may name another "
                            "with galaxy"},
                bind(services, switch_galaxy));
    toolbox.add({.name = "galaxy.retire",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "name*:string",
                 .summary = "take a store off the list; its file stays"},
                bind(services, retire_galaxy));
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
                 .summary = "clusters of embeddings: names, tags, size, cohesion, drift"},
                bind(services, list_constellations));
}

}  // namespace resonant::tools
