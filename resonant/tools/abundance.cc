#include "resonant/tools/families.h"

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
        if (answer["moves"].size() < kMovesShown) {
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
                            "improve, predict, decay, triage"});
    toolbox.add({.name = "dream.stop",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "",
                 .summary = "back to waking"});
    toolbox.add({.name = "dream.status",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "",
                 .summary = "phase, last results"});
    toolbox.add({.name = "dream.run_phase",
                 .access = Access::Write,
                 .core = false,
                 .parameters =
                     "phase*:consolidate|surface|govern|narrate|improve|predict|decay|triage "
                     "dry_run:bool",
                 .summary = "run one phase of memory upkeep now; reports what changed",
                 .pace = Pace::Slow});
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
                 .free_text = true});
    toolbox.add({.name = "serendipity.mark",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "id*:id useful:bool",
                 .summary = "feedback on what was surfaced"});
}

}  // namespace resonant::tools
