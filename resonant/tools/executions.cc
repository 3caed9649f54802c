#include "resonant/tools/executions.h"

#include <fmt/core.h>

#include <algorithm>
#include <future>

#include "resonant/tools/answers.h"

namespace resonant::tools {
namespace {

// One call through the door, waited for.
call::Reply run_step(call::Door& door, const call::Call& call, const Step& step) {
    call::Request request;
    request.tool = step.tool;
    request.arguments = step.arguments;
    request.caller = call.caller;
    request.trace = call.trace;
    request.cancelled = call.cancelled;
    const auto promise = std::make_shared<std::promise<call::Reply>>();
    std::future<call::Reply> reply = promise->get_future();
    door.submit(std::move(request),
                [promise](call::Reply given) { promise->set_value(std::move(given)); });
    return reply.get();
}

}  // namespace

Status Executions::check(const std::vector<Step>& steps) {
    if (steps.empty() || steps.size() > kPlanStepsMax) {
        return fail(Code::InvalidArgument,
                    fmt::format("a plan has 1 to {} steps, not {}", kPlanStepsMax, steps.size()));
    }
    for (const Step& step : steps) {
        if (step.tool.find("reasoner") != std::string::npos || step.tool.starts_with("gana_")) {
            return fail(
                Code::InvalidArgument,
                fmt::format("plan: '{}' cannot be a step; name a tool by its dotted name, and none "
                            "of the reasoner's own",
                            step.tool.substr(0, 60)));
        }
    }
    return {};
}

Execution Executions::carry(call::Door& door, const call::Call& call, std::string goal,
                            std::vector<Step> steps) {
    Execution execution;
    execution.principal = call.caller.principal;
    execution.goal = std::move(goal);
    execution.steps = std::move(steps);
    execution.at = call.at;
    {
        const std::lock_guard lock(mutex_);
        execution.id = ++last_;
    }
    bool well = true;
    for (Step& step : execution.steps) {
        if (!well || call.is_cancelled()) {
            step.state = "skipped";
            well = false;
            continue;
        }
        step.state = "running";
        keep(execution);
        const call::Reply reply = run_step(door, call, step);
        well = !reply.error;
        step.state = well ? "done" : "failed";
        const std::string text = json::dump(reply.content);
        step.result =
            text.size() <= kResultBytes ? reply.content : Json(shortened(text, kResultBytes));
    }
    execution.state = well ? "done" : "failed";
    keep(execution);
    return execution;
}

void Executions::keep(const Execution& execution) {
    const std::lock_guard lock(mutex_);
    const auto known = std::find_if(kept_.begin(), kept_.end(),
                                    [&](const Execution& one) { return one.id == execution.id; });
    if (known != kept_.end()) {
        *known = execution;
        return;
    }
    kept_.push_back(execution);
    if (kept_.size() > kKeptMax) {
        kept_.pop_front();
    }
}

std::vector<Execution> Executions::list(const std::string& principal, std::size_t limit) const {
    const std::lock_guard lock(mutex_);
    std::vector<Execution> found;
    for (auto it = kept_.rbegin(); it != kept_.rend() && found.size() < limit; ++it) {
        if (principal.empty() || it->principal == principal) {
            found.push_back(*it);
        }
    }
    return found;
}

}  // namespace resonant::tools
