#include "resonant/tools/families.h"

#include <fmt/core.h>
#include <algorithm>
#include <limits>
#include <optional>

#include "resonant/agents/scheduler.h"
#include "resonant/tools/answers.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/board_field.h"
#include "resonant/tools/executions.h"
#include "resonant/tools/reasoner_context.h"
#include "resonant/tools/services.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

namespace {

std::string group_id(std::uint32_t id) { return fmt::format("g{}", id); }

Json show(const Services& services, const agents::MonitorGroup& group) {
    std::string field = "unknown";
    for (const board::FieldInfo& info : board::built_in_fields()) {
        field = info.field == group.spec.field ? std::string(info.name) : field;
    }
    for (const board::RegisteredField& info : services.plane->board().registered()) {
        field = info.field == group.spec.field ? info.name : field;
    }
    Json shown = {{"group", group_id(group.id)},
                  {"field", field},
                  {"count", group.spec.count},
                  {std::string(agents::name_of(group.spec.direction)), group.spec.threshold},
                  {"fired", group.fired},
                  {"owner", group.spec.owner}};
    if (group.spec.spread != 0) {
        shown["spread"] = group.spec.spread;
    }
    if (!group.spec.goal.empty()) {
        shown["goal"] = group.spec.goal;
    }
    if (group.crossed_at_spawn > 0) {
        shown["crossed_at_spawn"] = group.crossed_at_spawn;
    }
    return shown;
}

Result<agents::MonitorSpec> spec_of(const Services& services, const call::Call& call) {
    RESONANT_ASSIGN(const board::Field field, field_named(services.plane->board(), "monitor.spawn", text_of(call, "field")));
    if (has(call, "above") == has(call, "below")) {
        return fail(Code::InvalidArgument,
                    "monitor.spawn: give either above or below, the threshold that wakes");
    }
    if (text_of(call, "action", "escalate") != "escalate") {
        return fail(Code::Unimplemented,
                    "monitor.spawn: only action=escalate is built; every crossing is also an event "
                    "(monitor_triggered) that event.tail shows");
    }
    agents::MonitorSpec spec;
    spec.field = field;
    spec.direction = has(call, "above") ? agents::Direction::Above : agents::Direction::Below;
    spec.threshold = number_of(call, has(call, "above") ? "above" : "below", 0);
    spec.spread = number_of(call, "spread", 0);
    spec.count = static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(integer_of(call, "count", 1), 0, agents::kMonitorsMax));
    spec.owner = call.caller.principal;
    const Json payload = call.arguments.value("payload", Json::object());
    spec.goal = payload.contains("goal") && payload["goal"].is_string()
                    ? payload["goal"].get<std::string>()
                    : fmt::format("{} went {} {}", text_of(call, "field"),
                                  agents::name_of(spec.direction), spec.threshold);
    spec.action = payload.contains("action") && payload["action"].is_string()
                      ? payload["action"].get<std::string>()
                      : "";
    return spec;
}

Result<Json> spawn(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const agents::MonitorSpec spec, spec_of(services, call));
    const double now = services.plane->board().view().field(spec.field);
    RESONANT_ASSIGN(const agents::MonitorGroup group, services.monitors->spawn(spec, now));
    services.scheduler->nudge();
    services.plane->publish(ring::EventType::MonitorSpawned, call.caller.principal,
                            call.contract->id + 1U, {group.id, spec.count});
    Json answer = show(services, group);
    answer["value_now"] = now;
    answer.update(describe(services.plane->board(), spec.field));
    const bool above = spec.direction == agents::Direction::Above;
    if (!board::is_user(spec.field) &&
        board::info_of(spec.field).rise == (above ? board::Rise::Better : board::Rise::Worse)) {
        answer["note"] = fmt::format("{} is better when it is {}: this wakes when things go well; for trouble ask for {}",
                                     text_of(call, "field"), above ? "higher" : "lower", above ? "below" : "above");
    }
    answer["bytes_each"] =
        rounded(static_cast<double>(services.monitors->memory().count) /
                    static_cast<double>(std::max<std::uint64_t>(1, services.monitors->count())),
                1);
    return answer;
}

Result<Json> list(Services& services, call::Call& call) {
    const std::string state = text_of(call, "state", "all");
    const agents::Reasoners::Stats stats = services.reasoners->stats();
    std::optional<board::Field> field;
    if (has(call, "field")) {
        RESONANT_ASSIGN(field, field_named(services.plane->board(), "monitor.list", text_of(call, "field")));
    }
    const std::size_t limit = limit_of(call, 50, 500);
    std::uint32_t after = 0;
    if (has(call, "cursor")) {
        RESONANT_ASSIGN(const std::int64_t id, id_of(call, "cursor", 'g'));
        after = static_cast<std::uint32_t>(id);
    }
    Json groups = Json::array();
    Json cursor;
    for (const agents::MonitorGroup& group : services.monitors->list()) {
        const bool fits = group.id > after && (!field || group.spec.field == *field) &&
                          (!has(call, "group") || group_id(group.id) == text_of(call, "group")) &&
                          (state == "all" || (state == "asleep") == (group.fired == 0));
        if (fits && groups.size() == limit) {
            cursor = groups.back()["group"];
            break;
        }
        if (fits) {
            groups.push_back(show(services, group));
        }
    }
    const std::uint64_t count = services.monitors->count();
    const std::uint64_t bytes = services.monitors->memory().count;
    Json answer = {
        {"watchers", count},
        {"bytes", bytes},
        {"groups", groups},
        {"bytes_each", rounded(static_cast<double>(bytes) /
                                   static_cast<double>(std::max<std::uint64_t>(1, count)),
                               1)},
        {"escalated", {{"waiting", stats.waiting}, {"taken", stats.taken}}}};
    if (!cursor.is_null()) {
        answer["cursor"] = cursor;
    }
    return answer;
}

Result<Json> stop(Services& services, call::Call& call) {
    if (has(call, "id") == has(call, "group")) {
        return fail(Code::InvalidArgument,
                    "monitor.stop: give the group (monitor.list names it); a single watcher is a "
                    "group of one");
    }
    RESONANT_ASSIGN(const std::int64_t id, id_of(call, has(call, "group") ? "group" : "id", 'g'));
    if (id > std::numeric_limits<std::uint32_t>::max()) {
        return fail(Code::NotFound, fmt::format("monitor.stop: no group g{}", id));
    }
    RESONANT_ASSIGN(const agents::MonitorGroup group,
                    services.monitors->group(static_cast<std::uint32_t>(id)));
    if (group.spec.owner != call.caller.principal && call.caller.role < call::Role::Coordinator) {
        return fail(
            Code::PermissionDenied,
            fmt::format("monitor.stop: {} is not yours; its owner or a coordinator stops it",
                        group_id(group.id)));
    }
    RESONANT_CHECK(services.monitors->stop(group.id));
    services.plane->publish(ring::EventType::MonitorStopped, call.caller.principal,
                            call.contract->id + 1U, {group.id, group.spec.count});
    return Json{{"group", group_id(group.id)}, {"stopped", group.spec.count}};
}

Result<Json> next(Services& services, call::Call& call) {
    const auto escalation = services.reasoners->next(
        call.caller.principal, from_seconds(number_of(call, "wait_s", 0)), call.cancelled.get());
    if (!escalation) {
        return Json{{"reasoner_id", nullptr},
                    {"note", "no watcher has escalated; monitor.list shows what sleeps"}};
    }
    services.plane->publish(ring::EventType::ReasonerTaken, call.caller.principal,
                            call.contract->id + 1U, {escalation->id});
    return context_of(services, call, *escalation);
}

std::vector<Step> steps_of(const call::Call& call) {
    std::vector<Step> steps;
    for (const Json& one : call.arguments.value("plan", Json::array())) {
        Step step;
        step.tool = one.value("tool", "");
        step.arguments = one.value("arguments", Json::object());
        steps.push_back(std::move(step));
    }
    return steps;
}

Json show(const Execution& execution) {
    Json shown = {{"executor_id", fmt::format("x{}", execution.id)},
                  {"state", execution.state},
                  {"goal", execution.goal},
                  {"at", show_time(execution.at.count)},
                  {"steps", Json::array()}};
    for (const Step& step : execution.steps) {
        shown["steps"].push_back(
            {{"tool", step.tool}, {"state", step.state}, {"result", step.result}});
    }
    return shown;
}

Result<Json> resolve(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const std::int64_t id, id_of(call, "reasoner_id", 'q'));
    const agents::Outcome outcome =
        agents::find_outcome(text_of(call, "outcome")).value_or(agents::Outcome::Dismiss);
    const std::vector<Step> steps = steps_of(call);
    if (outcome == agents::Outcome::Execute) {
        RESONANT_CHECK(Executions::check(steps));
    } else if (!steps.empty()) {
        return fail(Code::InvalidArgument,
                    "reasoner.resolve: a plan is carried out with outcome=execute only");
    }
    RESONANT_ASSIGN(const agents::Resolution resolution,
                    services.reasoners->resolve(static_cast<std::uint64_t>(id), outcome,
                                                text_of(call, "note"), call.caller.principal));
    const std::uint32_t tool = call.contract->id + 1U;
    services.plane->publish(ring::EventType::ReasonerResolved, call.caller.principal, tool,
                            {static_cast<std::uint64_t>(id), static_cast<std::uint64_t>(outcome)});
    Json answer = {{"reasoner_id", text_of(call, "reasoner_id")},
                   {"outcome", agents::name_of(resolution.outcome)},
                   {"goal", resolution.escalation.goal}};
    if (outcome == agents::Outcome::Execute) {
        services.plane->publish(ring::EventType::ExecutorStarted, call.caller.principal, tool,
                                {static_cast<std::uint64_t>(id)});
        const Execution execution =
            services.executions->carry(*services.door, call, resolution.escalation.goal, steps);
        services.plane->publish(ring::EventType::ExecutorCompleted, call.caller.principal, tool,
                                {static_cast<std::uint64_t>(id), execution.id});
        answer["execution"] = show(execution);
    }
    return answer;
}

Result<Json> executor_status(Services& services, call::Call& call) {
    const bool steers = call.caller.role >= call::Role::Coordinator;
    const bool one = has(call, "executor_id");
    const auto executions = services.executions->list(steers ? "" : call.caller.principal,
                                                      one ? Executions::kKeptMax : limit_of(call, 20, 100));
    if (one) {
        RESONANT_ASSIGN(const std::int64_t id, id_of(call, "executor_id", 'x'));
        for (const Execution& execution : executions) {
            if (execution.id == static_cast<std::uint64_t>(id)) {
                return show(execution);
            }
        }
        return fail(Code::NotFound,
                    fmt::format("executor.status: x{} is unknown, forgotten or not yours", id));
    }
    Json answer = {{"count", executions.size()}, {"executions", Json::array()}};
    for (const Execution& execution : executions) {
        answer["executions"].push_back(show(execution));
    }
    return answer;
}

Result<Json> swarm_status(Services& services, call::Call&) {
    const agents::Reasoners::Stats reasoners = services.reasoners->stats();
    const agents::Scheduler::Stats scheduler = services.scheduler->stats();
    const std::uint64_t count = services.monitors->count();
    const std::uint64_t bytes = services.monitors->memory().count;
    Json answer{{"watchers",
                 {{"count", count},
                  {"bytes", bytes},
                  {"bytes_each", rounded(static_cast<double>(bytes) /
                                             static_cast<double>(std::max<std::uint64_t>(1, count)),
                                         1)}}},
                {"escalations",
                 {{"waiting", reasoners.waiting},
                  {"taken", reasoners.taken},
                  {"all", reasoners.escalated},
                  {"resolved", reasoners.resolved},
                  {"refused", reasoners.refused}}},
                {"scheduler",
                 {{"cycles", scheduler.cycles},
                  {"events", scheduler.events},
                  {"lost", scheduler.lost},
                  {"crossings", scheduler.crossings}}}};
    if (Json held = standings_of(services); !held.empty()) {
        answer["standings"] = std::move(held);
    }
    return answer;
}

}  // namespace

// tidy-allow(functions_fit_a_screen): one table of declarations, read as one
void add_ox(Toolbox& toolbox, Services& services) {
    toolbox.begin(
        {.key = "ox",
         .wire_name = "gana_ox_swarm",
         .mansion = "牛 Niu",
         .quadrant = "North",
         .summary = "Sleeping watchers on board fields, and their escalations"});
    toolbox.add({.name = "monitor.spawn",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "count:int field*:string above:number below:number "
                               "spread:number action:escalate|event|task payload:object",
                 .summary = "put watchers to sleep on a board field; on crossing they "
                            "escalate, publish or queue a task; returns group",
                 .example = R"({"field": "error_rate", "above": 0.3, "action": "escalate"})"},
                bind(services, spawn));
    toolbox.add({.name = "monitor.list",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "field:string state:asleep|escalated|executing|all group:string "
                               "limit:int cursor:string",
                 .summary = "watchers, states, counts, bytes each"},
                bind(services, list));
    toolbox.add({.name = "monitor.stop",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "id:id group:string",
                 .summary = "remove watchers by id or group (one is required)",
                 .example = R"({"group": "g1"})"},
                bind(services, stop));
    toolbox.add({.name = "reasoner.next",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "wait_s:number<=30",
                 .summary = "take the next escalated watcher with its goal, snapshot, memories "
                            "and events; returns reasoner_id",
                 .pace = Pace::Waits},
                bind(services, next));
    toolbox.add(
        {.name = "reasoner.resolve",
         .access = Access::Write,
         .core = false,
         .parameters = "reasoner_id*:id outcome*:sleep|execute|dismiss "
                       "plan:object[]{tool,arguments} note:string",
         .summary = "answer an escalation: back to sleep, or hand the plan to an executor",
         .pace = Pace::Waits,
         .free_text = true,
         .example =
             R"({"reasoner_id": "q1", "outcome": "execute", "plan": [{"tool": "health.report", "arguments": {}}]})"},
        bind(services, resolve));
    toolbox.add({.name = "executor.status",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "executor_id:id limit:int",
                 .summary = "plans being carried out, step by step; with no id: all"},
                bind(services, executor_status));
    toolbox.add({.name = "swarm.decompose",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "goal*:string hints:string[]",
                 .summary = "split a goal into subtasks with needed capabilities and an order; "
                            "returns plan_id",
                 .free_text = true});
    toolbox.add({.name = "swarm.route",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "plan_id*:id",
                 .summary = "assign subtasks by capability, load and trust"});
    toolbox.add({.name = "swarm.plan",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "plan_id*:id",
                 .summary = "one plan: subtasks, who has them, results"});
    toolbox.add({.name = "swarm.complete",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "plan_id*:id task_id*:id success*:bool result:object",
                 .summary = "finish a subtask",
                 .free_text = true});
    toolbox.add({.name = "swarm.status",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "",
                 .summary = "agents and watchers by state, memory each, wake latency"},
                bind(services, swarm_status));
}

}  // namespace resonant::tools
