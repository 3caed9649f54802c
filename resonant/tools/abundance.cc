#include "resonant/tools/families.h"

#include <fmt/core.h>

#include <algorithm>

#include "resonant/engines/dream.h"
#include "resonant/engines/serendipity.h"
#include "resonant/memory/survey.h"
#include "resonant/plane/kernel_plane.h"
#include "resonant/tools/answers.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/services.h"

namespace resonant::tools {

using call::Access;
using call::Maturity;
using call::Pace;
using call::Role;

namespace {

Result<Json> start_dreaming(Services& services, call::Call& call) {
    const engines::Dream::Settings now = services.dream->settings();
    RESONANT_CHECK(services.dream->start(number_of(call, "idle_s", now.idle_s),
                                         number_of(call, "phase_s", now.phase_s)));
    const engines::Dream::Settings set = services.dream->settings();
    return Json{{"dreaming", true},
                {"idle_s", set.idle_s},
                {"phase_s", set.phase_s},
                {"next", "after idle_s seconds without a call; results in dream.status"}};
}

Result<Json> stop_dreaming(Services& services, call::Call&) {
    RESONANT_CHECK(services.dream->stop());
    return Json{{"dreaming", false}};
}

Result<Json> dream_status(Services& services, call::Call&) {
    RESONANT_ASSIGN(Json answer, services.dream->status());
    for (Json& report : answer["last"]) {
        report["at"] = show_time(report.value("at_ns", std::int64_t{0}));
        report.erase("at_ns");
    }
    return answer;
}

Result<Json> run_phase(Services& services, call::Call& call) {
    const bool dry = flag_of(call, "dry_run");
    const std::string phase = text_of(call, "phase");
    if (!dry) {
        services.plane->publish(ring::EventType::DreamStarted, "dream", call.contract->id + 1U);
    }
    RESONANT_ASSIGN(Json report, services.dream->run(phase, dry));
    if (!dry) {
        services.plane->publish(ring::EventType::DreamCompleted, "dream", call.contract->id + 1U,
                                {report.value("changed", std::uint64_t{0})});
    }
    return report;
}

// Candidates of the newest serendipity batch, most fitting first; with a context, those near it in
// meaning come first.
struct Found {
    double score = 0;
    memory::MemoryId id = 0;
    std::uint8_t kind = 0;
    double nearness = 0;
};

Status weigh_by_context(Services& services, const std::string& context, std::vector<Found>& found) {
    const auto wanted = services.sea->embed(context);
    if (!wanted) {
        return wanted.error().code == Code::Unavailable ? Status()
                                                        : std::unexpected(wanted.error());
    }
    for (Found& each : found) {
        const auto vector = services.sea->vector_of(each.id, "");
        if (!vector) {
            continue;  // not embedded yet
        }
        for (std::size_t d = 0; d < vector->size(); ++d) {
            each.nearness += double{(*vector)[d]} * double{(*wanted)[d]};
        }
        each.score *= 0.2 + std::max(0.0, each.nearness);
    }
    return {};
}

Result<std::vector<Found>> candidates(Services& services) {
    auto output = services.engines->outputs().newest("serendipity");
    if (output == nullptr) {
        RESONANT_CHECK(services.engines->run("serendipity"));
        output = services.engines->outputs().newest("serendipity");
    }
    std::vector<Found> found;
    RESONANT_ASSIGN(const auto ids, output->batch.u64("memory_id"));
    RESONANT_ASSIGN(const auto scores, output->batch.f64("score"));
    RESONANT_ASSIGN(const auto kinds, output->batch.u8("kind"));
    RESONANT_ASSIGN(const auto useless,
                    services.survey->useless(services.clock->wall().count - engines::Serendipity::kRest.count));
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (!std::ranges::binary_search(useless, ids[i])) {
            found.push_back({scores[i], ids[i], kinds[i], 0});
        }
    }
    return found;
}

Result<Json> surface(Services& services, call::Call& call) {
    const auto count = static_cast<std::size_t>(
        std::clamp<std::int64_t>(integer_of(call, "count", 3), 1, 20));
    RESONANT_ASSIGN(std::vector<Found> found, candidates(services));
    const std::string context = text_of(call, "context");
    if (!context.empty()) {
        RESONANT_CHECK(weigh_by_context(services, context, found));
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const Found& a, const Found& b) { return a.score > b.score; });
    Json answer = {{"count", 0}, {"memories", Json::array()}};
    for (const Found& each : found) {
        if (answer["memories"].size() == count) {
            break;
        }
        const auto memory = services.sea->read(each.id, call.caller.principal);
        if (!memory || memory->is_archived || memory->is_private) {
            continue;  // it changed since the batch was made
        }
        Json shown = show(memory::Hit{*memory, each.score, {}}, 300);
        shown["why"] = each.kind == engines::Serendipity::Bridging ? "bridging: many links, little used"
                                                                   : "dormant: it lies outward, and may matter";
        answer["memories"].push_back(std::move(shown));
    }
    answer["count"] = answer["memories"].size();
    answer["feedback"] = "serendipity.mark says whether one was useful";
    return answer;
}

Result<Json> mark(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const memory::MemoryId id, memory_id_of(call, "id"));
    RESONANT_CHECK(services.sea->read(id, call.caller.principal));
    const bool useful = flag_of(call, "useful", true);
    RESONANT_CHECK(services.survey->mark(id, useful ? "useful" : "useless", call.caller.principal));
    if (useful) {
        const memory::MemoryId ids[] = {id};
        services.sea->touch(ids);  // looking at it again draws it inward
    }
    return Json{{"id", memory::wire_id(id)},
                {"marked", useful ? "useful" : "useless"},
                {"effect", useful ? "drawn inward" : "not surfaced for 30 days"}};
}

Result<Json> sweep(Services& services, call::Call& call) {
    constexpr std::size_t kMovesShown = 100;
    const bool dry = flag_of(call, "dry_run");
    RESONANT_ASSIGN(const memory::SweepReport report,
                    services.sea->sweep(limit_of(call, 1'000, 100'000), dry));
    Json answer = {{"rescored", report.rescored},
                   {"moved", report.moves.size()},
                   {"dry_run", dry},
                   {"moves", Json::array()}};
    for (const auto& [id, from, to] : report.moves) {
        if (answer["moves"].size() < kMovesShown &&
            services.sea->read(id, call.caller.principal)) {
            answer["moves"].push_back({{"id", memory::wire_id(id)},
                                       {"from", memory::name_of(from)},
                                       {"to", memory::name_of(to)}});
        }
    }
    if (!dry) {
        services.plane->publish(ring::EventType::LifecycleSwept, call.caller.principal,
                                call.contract->id + 1U, {report.rescored, report.moves.size()});
    }
    return answer;
}

Result<Json> stats(Services& services, call::Call&) {
    RESONANT_ASSIGN(const auto movements, services.sea->movements());
    Json answer = {{"count", 0}, {"movements", Json::array()}};
    std::size_t total = 0;
    for (const auto& [from, to, count, last_ns] : movements) {
        total += count;
        answer["movements"].push_back({{"from", memory::name_of(from)},
                                       {"to", memory::name_of(to)},
                                       {"count", count},
                                       {"last", show_time(last_ns)}});
    }
    answer["count"] = total;
    return answer;
}

}  // namespace

// tidy-allow(functions_fit_a_screen): one table of declarations, read as one
void add_abundance(Toolbox& toolbox, Services& services) {
    toolbox.begin({.key = "abundance",
                   .wire_name = "gana_abundance_dream",
                   .mansion = "豐 Feng",
                   .quadrant = "South",
                   .summary = "Idle upkeep of memory: dream phases, retention, forgotten gems"});
    toolbox.add({.name = "dream.start",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "idle_s:number phase_s:number",
                 .summary = "let idle time be used: consolidate, surface, govern, narrate, "
                            "improve, predict, decay, triage",
                 .role = Role::Coordinator},
                bind(services, start_dreaming));
    toolbox.add({.name = "dream.stop",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "",
                 .summary = "back to waking",
                 .role = Role::Coordinator},
                bind(services, stop_dreaming));
    toolbox.add({.name = "dream.status",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "",
                 .summary = "phase, last results"},
                bind(services, dream_status));
    toolbox.add({.name = "dream.run_phase",
                 .access = Access::Write,
                 .core = false,
                 .parameters =
                     "phase*:consolidate|surface|govern|narrate|improve|predict|decay|triage "
                     "dry_run:bool",
                 .summary = "run one phase of memory upkeep now; reports what changed",
                 .role = Role::Coordinator,
                 .pace = Pace::Slow},
                bind(services, run_phase));
    toolbox.add({.name = "lifecycle.sweep",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "limit:int dry_run:bool",
                 .summary = "rescore retention and move memories between zones; dry_run lists "
                            "the moves",
                 .role = Role::Coordinator,
                 .maturity = Maturity::Radiant,
                 .pace = Pace::Slow},
                bind(services, sweep));
    toolbox.add({.name = "lifecycle.stats",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "",
                 .summary = "movements between zones over time"},
                bind(services, stats));
    toolbox.add({.name = "serendipity.surface",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "count:int context:string",
                 .summary = "dormant or bridging memories worth another look",
                 .pace = Pace::Slow,
                 .free_text = true},
                bind(services, surface));
    toolbox.add({.name = "serendipity.mark",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "id*:id useful:bool",
                 .summary = "feedback on what was surfaced"},
                bind(services, mark));
}

}  // namespace resonant::tools
