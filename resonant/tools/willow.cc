#include "resonant/tools/families.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <algorithm>

#include "resonant/govern/circuit_breaker.h"
#include "resonant/govern/rate_limiter.h"
#include "resonant/plane/kernel_plane.h"
#include "resonant/tools/answers.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/services.h"

namespace resonant::tools {

using call::Access;
using call::Role;

namespace {

std::string_view word_for(board::BreakerState state) {
    switch (state) {
        case board::BreakerState::Closed: return "closed";
        case board::BreakerState::Open: return "open";
        case board::BreakerState::HalfOpen: return "half_open";
    }
    return "open";
}

Json show(const board::LimitReading& reading, std::uint64_t denials) {
    Json shown = {{"used", reading.used},
                  {"limit", reading.limit},
                  {"left", reading.limit - std::min(reading.limit, reading.used)},
                  {"denials", denials}};
    if (!reading.allowed) {
        shown["retry_after_s"] = rounded(reading.retry_after_s);
    }
    return shown;
}

Result<Json> rates(Services& services, call::Call& call) {
    const std::string agent = text_of(call, "agent", call.caller.principal);
    if (agent != call.caller.principal && call.caller.role < call::Role::Coordinator) {
        return fail(
            Code::PermissionDenied,
            "rate.stats: an agent sees its own budgets; a coordinator sees those of others");
    }
    Json answer = {{"agent", agent}, {"window_s", 60}, {"tools", Json::array()}};
    for (const Tool& tool : services.toolbox->tools()) {
        const govern::RateLimiter::Budget budget = services.limiter->budget(agent, tool.contract);
        answer["all"] = show(budget.agent, budget.agent_denials);
        if (budget.tool.used > 0 || budget.tool_denials > 0) {
            answer["tools"].push_back(show(budget.tool, budget.tool_denials));
            answer["tools"].back()["tool"] = tool.contract.name;
        }
    }
    return answer;
}

Json show(const Services& services, const Tool& tool) {
    const board::BreakerReading reading = services.breaker->read(tool.contract.name);
    Json shown = {{"tool", tool.contract.name},
                  {"state", word_for(reading.state)},
                  {"failures", reading.failures}};
    if (reading.state == board::BreakerState::Open) {
        shown["retry_after_s"] = rounded(reading.retry_after_s);
    }
    return shown;
}

Result<const Tool*> tool_of(const Services& services, const call::Call& call) {
    const std::string name = text_of(call, "tool");
    if (const Tool* tool = services.toolbox->find(name)) {
        return tool;
    }
    return fail(Code::NotFound, fmt::format("no tool '{}'; near: {}", name.substr(0, 60),
                                            fmt::join(services.toolbox->nearest(name, 3), ", ")));
}

Result<Json> breakers(Services& services, call::Call& call) {
    if (has(call, "tool")) {
        RESONANT_ASSIGN(const Tool* tool, tool_of(services, call));
        return show(services, *tool);
    }
    const board::Snapshot snapshot = services.plane->board().view().snapshot();
    Json answer = {{"families_not_closed", Json::array()}, {"tools", Json::array()}};
    const auto& families = services.toolbox->families();
    for (std::size_t i = 0; i < families.size(); ++i) {
        if (snapshot.breakers[i] != 0) {
            answer["families_not_closed"].push_back(families[i].key);
        }
    }
    for (const Tool& tool : services.toolbox->tools()) {
        Json shown = show(services, tool);
        if (shown["state"] != "closed" || shown["failures"] != 0) {
            answer["tools"].push_back(std::move(shown));
        }
    }
    answer["closed"] = services.toolbox->tools().size() - answer["tools"].size();
    return answer;
}

// The family's slot on the board shows the worst state among its tools.
void show_on_board(const Services& services, std::uint8_t family) {
    std::uint64_t worst = 0;
    for (const Tool& tool : services.toolbox->tools()) {
        if (tool.contract.family == family && worst != 1) {
            const auto state =
                static_cast<std::uint64_t>(services.breaker->read(tool.contract.name).state);
            worst = state != 0 ? state : worst;
        }
    }
    services.plane->board().set_breaker(family, worst);
}

Result<Json> reset(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const Tool* tool, tool_of(services, call));
    const board::BreakerState before = services.breaker->read(tool->contract.name).state;
    RESONANT_CHECK(services.breaker->reset(tool->contract.name));
    show_on_board(services, tool->contract.family);
    services.plane->publish(ring::EventType::CircuitClosed, call.caller.principal,
                            tool->contract.id + 1U);
    Json answer = show(services, *tool);
    answer["before"] = word_for(before);
    return answer;
}

}  // namespace

void add_willow(Toolbox& toolbox, Services& services) {
    toolbox.begin({.key = "willow",
                   .wire_name = "gana_willow_limits",
                   .mansion = "柳 Liu",
                   .quadrant = "South",
                   .summary = "Why calls are refused: rate budgets left, circuit breakers"});
    toolbox.add({.name = "rate.stats",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "agent:id",
                 .summary = "budgets left, denials, by agent and tool"},
                bind(services, rates));
    toolbox.add({.name = "breaker.status",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "tool:string",
                 .summary = "states of the circuit breakers on the board"},
                bind(services, breakers));
    toolbox.add({.name = "breaker.reset",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "tool*:string",
                 .summary = "owner only: close a tripped breaker by hand",
                 .role = Role::Owner},
                bind(services, reset));
}

}  // namespace resonant::tools
