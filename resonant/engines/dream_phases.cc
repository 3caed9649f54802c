// The eight phases of a Dream. Reports hold numbers and ids.
#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "resonant/engines/dream.h"
#include "resonant/memory/retention.h"

namespace resonant::engines {
namespace {

using memory::MemoryId;
using memory::wire_id;

constexpr const char* kDreamer = "dream";        // who changes what a phase changes
constexpr std::size_t kLinksAPhase = 200;
constexpr double kLinkCosine = 0.6;
constexpr std::size_t kShown = 10;               // ids of each kind in a report
constexpr std::size_t kNarrativesAPhase = 3;
constexpr std::size_t kSweptAPhase = 5'000;
constexpr std::size_t kEmbeddedAPhase = 256;
constexpr std::size_t kMarkedAPhase = 200;
constexpr std::int64_t kDayNs = 86'400'000'000'000;
constexpr std::int64_t kQuietNs = 600'000'000'000;  // a session that is quiet so long is an episode
constexpr std::int64_t kJunkAgeNs = 14 * kDayNs;
constexpr int kForecastDays = 30;

Json shown(const std::vector<memory::PairOfMemories>& pairs) {
    Json list = Json::array();
    for (std::size_t i = 0; i < std::min(pairs.size(), kShown); ++i) {
        list.push_back({wire_id(pairs[i].source), wire_id(pairs[i].target)});
    }
    return list;
}

std::string narrative_of(const memory::Episode& episode) {
    std::string text = fmt::format("Session {} in {} steps:\n", episode.session, episode.members.size());
    for (std::size_t i = 0; i < episode.members.size(); ++i) {
        text += fmt::format("{}. {} ({})\n", i + 1, episode.titles[i], wire_id(episode.members[i]));
    }
    return text;
}

}  // namespace

// A memory that hangs on nothing is linked to the nearest one of its galaxy, when that is near enough.
Result<std::size_t> Dream::link_unlinked(bool dry_run) {
    RESONANT_ASSIGN(const auto unlinked, needs_.survey.unlinked(kLinksAPhase));
    std::size_t linked = 0;
    for (const MemoryId id : unlinked) {
        const auto vector = needs_.sea.vector_of(id, "");
        const auto memory = needs_.sea.read(id, "");
        if (!vector || !memory) {
            continue;  // it changed meanwhile
        }
        memory::Filter filter;
        filter.galaxy = memory->galaxy;
        RESONANT_ASSIGN(const auto near, needs_.sea.nearest(*vector, filter, 2, kLinkCosine, ""));
        for (const memory::Hit& hit : near.hits) {
            if (hit.memory.id == id) {
                continue;
            }
            ++linked;
            if (!dry_run) {
                RESONANT_CHECK(needs_.sea.link(
                    {id, hit.memory.id, "related", std::clamp(hit.score, 0.0, 1.0)}, false, kDreamer));
            }
            break;
        }
    }
    return linked;
}

Result<Json> Dream::consolidate(bool dry_run) {
    const std::string model = needs_.sea.status().model;
    RESONANT_ASSIGN(const auto found, needs_.constellations.refresh(model, dry_run));
    RESONANT_ASSIGN(const std::size_t linked, link_unlinked(dry_run));
    return Json{{"constellations", found.found},
                {"vanished", found.vanished},
                {"moved", found.moved},
                {"linked", linked},
                {"changed", found.moved + linked}};
}

Result<Json> Dream::surface(bool dry_run) {
    if (!dry_run) {
        RESONANT_CHECK(needs_.engines.run("serendipity"));
    }
    const auto output = needs_.engines.outputs().newest("serendipity");
    Json ids = Json::array();
    if (output != nullptr) {
        RESONANT_ASSIGN(const auto best, output->batch.u64("memory_id"));
        for (std::size_t i = 0; i < std::min(best.size(), kShown); ++i) {
            ids.push_back(wire_id(best[i]));
        }
    }
    return Json{{"worth_another_look", ids}, {"changed", dry_run ? 0 : 1}};
}

Result<Json> Dream::govern() {
    RESONANT_ASSIGN(const auto contradictions, needs_.survey.linked_by("contradicts", 1'000));
    RESONANT_ASSIGN(const auto superseded, needs_.survey.linked_by("supersedes", 1'000));
    RESONANT_ASSIGN(const auto hubs, needs_.survey.hubs(kShown));
    Json answer = {{"contradictions", {{"count", contradictions.size()}, {"pairs", shown(contradictions)}}},
                   {"superseded", {{"count", superseded.size()}, {"pairs", shown(superseded)}}},
                   {"hubs", Json::array()},
                   {"changed", 0}};
    for (const auto& hub : hubs) {
        answer["hubs"].push_back({{"id", wire_id(hub.source)}, {"links", hub.target}});
    }
    return answer;
}

Result<Json> Dream::narrate(bool dry_run) {
    RESONANT_ASSIGN(const auto episodes,
                    needs_.survey.episodes(kNarrativesAPhase, needs_.clock.wall().count - kQuietNs));
    Json made = Json::array();
    for (const memory::Episode& episode : episodes) {
        if (dry_run) {
            made.push_back({{"session", episode.session}, {"of", episode.members.size()}});
            continue;
        }
        const Status told = needs_.database.write([&](sql::Connection&) -> Status {
            memory::Memory narrative;
            narrative.title = "What happened in session " + episode.session;
            narrative.content = narrative_of(episode);
            narrative.type = "narrative";
            narrative.importance = 0.3;
            narrative.source = "dream:narrate:" + episode.session;
            narrative.galaxy = episode.galaxy;
            narrative.owner = kDreamer;
            RESONANT_ASSIGN(const memory::Added added, needs_.sea.add(narrative));
            for (const MemoryId member : episode.members) {
                RESONANT_CHECK(needs_.sea.link({added.id, member, "temporal", 0.5}, false, kDreamer));
            }
            made.push_back({{"session", episode.session},
                            {"of", episode.members.size()},
                            {"id", wire_id(added.id)}});
            return {};
        });
        RESONANT_CHECK(told);
    }
    const std::size_t count = made.size();
    return Json{{"narratives", std::move(made)}, {"changed", dry_run ? 0 : count}};
}

Result<Json> Dream::improve() {
    RESONANT_ASSIGN(const memory::Untidiness found, needs_.survey.untidiness());
    Json proposals = Json::array();
    const auto propose = [&](std::size_t count, std::string_view what, std::string_view how) {
        if (count > 0) {
            proposals.push_back({{"count", count}, {"what", what}, {"how", how}});
        }
    };
    propose(found.without_vector, "memories cannot be found by meaning", "vector.index");
    propose(found.without_title, "memories have no title", "memory.update with a title");
    propose(found.without_tags, "memories have no tags", "memory.update with add_tags");
    propose(found.without_link, "memories hang on nothing", "dream.run_phase consolidate, or memory.link");
    propose(found.far_and_important, "important memories lie far out", "memory.protect, or recall them");
    return Json{{"proposals", proposals}, {"changed", 0}};
}

Result<Json> Dream::predict() {
    RESONANT_ASSIGN(const auto places, needs_.survey.places(1'000'000));
    const std::int64_t then_ns = needs_.clock.wall().count + kForecastDays * kDayNs;
    std::array<std::size_t, memory::kZones> now{};
    std::array<std::size_t, memory::kZones> then{};
    std::vector<std::pair<double, MemoryId>> leaving;
    for (const memory::Placed& place : places) {
        const memory::Zone before = memory::zone_at(place.distance);
        const memory::Zone after = memory::zone_at(memory::distance_of(
            {.importance = place.importance,
             .unused_ns = then_ns - place.used_ns,
             .recalls = place.recalls,
             .link_weights = place.links * 0.5,  // the weight that a link has by default
             .is_protected = place.is_protected}));
        ++now[static_cast<std::size_t>(before)];
        ++then[static_cast<std::size_t>(after)];
        if (after >= memory::Zone::OuterRim && before < memory::Zone::OuterRim) {
            leaving.emplace_back(-place.importance, place.id);
        }
    }
    std::sort(leaving.begin(), leaving.end());
    Json answer = {{"days", kForecastDays}, {"zones_now", Json::object()}, {"zones_then", Json::object()},
                   {"leaving", Json::array()}, {"leaving_count", leaving.size()}, {"changed", 0}};
    for (std::size_t zone = 0; zone < memory::kZones; ++zone) {
        const std::string name(memory::name_of(static_cast<memory::Zone>(zone)));
        answer["zones_now"][name] = now[zone];
        answer["zones_then"][name] = then[zone];
    }
    for (std::size_t i = 0; i < std::min(leaving.size(), kShown); ++i) {
        answer["leaving"].push_back(wire_id(leaving[i].second));
    }
    return answer;
}

Result<Json> Dream::decay(bool dry_run) {
    RESONANT_ASSIGN(const memory::SweepReport report, needs_.sea.sweep(kSweptAPhase, dry_run));
    std::size_t inward = 0;
    for (const auto& [id, source, target] : report.moves) {
        inward += target < source ? 1U : 0U;
    }
    return Json{{"rescored", report.rescored},
                {"inward", inward},
                {"outward", report.moves.size() - inward},
                {"changed", report.moves.size()}};
}

Result<Json> Dream::triage(bool dry_run) {
    const std::size_t embedded = needs_.sea.status().embedded;
    std::size_t waiting = 0;
    if (!dry_run) {
        RESONANT_ASSIGN(waiting, needs_.sea.catch_up(kEmbeddedAPhase, {}));
    }
    RESONANT_ASSIGN(const auto junk,
                    needs_.survey.junk(kMarkedAPhase, needs_.clock.wall().count - kJunkAgeNs));
    Json marked = Json::array();
    for (const memory::Junk& each : junk) {
        if (!dry_run) {
            RESONANT_CHECK(needs_.survey.mark(each.id, "junk", each.evidence));
        }
        if (marked.size() < kShown) {
            marked.push_back({{"id", wire_id(each.id)}, {"evidence", each.evidence}});
        }
    }
    const std::size_t after = needs_.sea.status().embedded;
    return Json{{"embedded", after - std::min(after, embedded)},
                {"waiting", waiting},
                {"junk", {{"count", junk.size()}, {"marked", marked}}},
                {"changed", dry_run ? 0 : junk.size() + after - std::min(after, embedded)}};
}

}  // namespace resonant::engines
