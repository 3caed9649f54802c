#include "resonant/tools/reasoner_context.h"

#include <fmt/core.h>

#include <algorithm>

#include "resonant/tools/answers.h"

namespace resonant::tools {
namespace {

// The newest events of the machine, oldest first.
Result<Json> recent_events(Services& services) {
    ring::EventRing& ring = services.plane->ring();
    const std::uint64_t head = ring.head();
    RESONANT_ASSIGN(ring::Subscription reader,
                    ring::Subscription::over(ring.segment().data(), ring.segment().size(),
                                             head - std::min<std::uint64_t>(head, kEventsShown)));
    Json events = Json::array();
    ring::Event event;
    while (events.size() < kEventsShown && reader.poll(event) == ring::Poll::Got) {
        Json shown = {{"type", ring::name_of(event.type)}, {"at", show_time(event.at_ns)}};
        if (event.tool > 0 && event.tool <= services.toolbox->tools().size()) {
            shown["tool"] = services.toolbox->tools()[event.tool - 1].contract.name;
        }
        events.push_back(std::move(shown));
    }
    return events;
}

Json allowed_tools(const Services& services, const call::Call& call) {
    Json names = Json::array();
    for (const Tool& tool : services.toolbox->tools()) {
        if (tool.contract.available && tool.contract.role <= call.caller.role) {
            names.push_back(tool.contract.name);
        }
    }
    return names;
}

}  // namespace

Result<Json> context_of(Services& services, const call::Call& call,
                        const agents::Escalation& escalation) {
    RESONANT_ASSIGN(const memory::Page page,
                    services.sea->recall(escalation.goal, {}, 5, call.caller.principal));
    RESONANT_ASSIGN(const Json events, recent_events(services));
    const agents::Crossing& crossing = escalation.crossing;
    Json answer = {
        {"reasoner_id", fmt::format("q{}", escalation.id)},
        {"goal", escalation.goal},
        {"at", show_time(escalation.at.count)},
        {"group", fmt::format("g{}", crossing.group)},
        {"crossing",
         {{"value", crossing.value},
          {"threshold", crossing.threshold},
          {"direction", agents::name_of(crossing.direction)}}},
        {"events", events},
        {"allowed_tools", allowed_tools(services, call)},
        {"memories", show(page, 600)["hits"]},
        {"answer_with", "reasoner.resolve: outcome sleep, execute (with plan) or dismiss"}};
    if (escalation.snapshot) {
        answer["snapshot"] = {{"harmony", show(escalation.snapshot->harmony)},
                              {"maturity_stage", escalation.snapshot->maturity_stage}};
    }
    if (!escalation.action.empty()) {
        answer["action"] = escalation.action;
    }
    while (json::dump(answer).size() > kContextBytes && !answer["memories"].empty()) {
        answer["memories"].erase(answer["memories"].size() - 1);
    }
    return answer;
}

}  // namespace resonant::tools
