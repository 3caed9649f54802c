#include "resonant/govern/rate_limiter.h"

#include <fmt/compile.h>
#include <fmt/core.h>

#include <cmath>

#include "resonant/govern/remembered.h"
#include "resonant/govern/rules.h"

namespace resonant::govern {
namespace {

call::Denial rate_limited(const std::string& who, const board::LimitReading& reading) {
    const auto tenths = static_cast<std::int64_t>(std::ceil(reading.retry_after_s * 10));
    return {.code = "rate_limited",
            .stage = std::string(kRateLimiter),
            .rule = fmt::format(FMT_COMPILE("{} calls a minute"), reading.limit),
            .reason = fmt::format(FMT_COMPILE("{}: {} of {} calls in the last 60 s are used"), who, reading.used, reading.limit),
            .way_out = fmt::format(FMT_COMPILE("do other work for {}.{} s; the owner sets limits in policy.d"), tenths / 10,
                                   tenths % 10),
            .retry_after_s = reading.retry_after_s};
}

// The reading that keeps the caller waiting longest, if any does.
std::optional<RateLimiter::Refusal> refusal(std::uint32_t tool_row, const board::LimitReading& tool,
                                            std::uint32_t agent_row, const board::LimitReading& agent) {
    if (tool.allowed && agent.allowed) {
        return std::nullopt;
    }
    const bool by_tool = !tool.allowed && (agent.allowed || tool.retry_after_s >= agent.retry_after_s);
    return RateLimiter::Refusal{by_tool, by_tool ? tool_row : agent_row, by_tool ? tool : agent};
}

}  // namespace

std::string tool_key(std::string_view tool) { return fmt::format("tool:{}", tool); }
std::string agent_key(std::string_view principal) { return fmt::format("agent:{}", principal); }
std::string agent_tool_key(std::string_view principal, std::string_view tool) {
    return fmt::format("agent:{}/tool:{}", principal, tool);
}

RateLimiter::RateLimiter(board::LimitsTable& limits, Clock& clock, const Rules& policy)
    : limits_(limits), clock_(clock), policy_(policy) {}

RateLimiter::Rows RateLimiter::rows_of(const call::Call& call, Nanos now) const {
    const call::Contract& contract = *call.contract;
    const auto agent_row = [&] { return handle_of(limits_, now, "agent:{}", call.caller.principal); };
    const auto tool_row = [&] {
        return handle_of(limits_, now, "agent:{}/tool:{}", call.caller.principal, contract.name);
    };
    const auto agent_limit = [&] { return policy_.agent_calls_per_minute(); };
    const auto tool_limit = [&] { return policy_.tool_calls_per_minute(contract); };
    if (call.memo == nullptr || contract.id >= call.memo->tools.size()) {
        return {{agent_row().row, agent_limit()}, {tool_row().row, tool_limit()}};
    }
    // Read before the limits are: a policy that comes in between is asked again the next time.
    const std::uint32_t version = policy_.version();
    call::Memo::Allowance& agent = call.memo->agent;
    call::Memo::Allowance& tool = call.memo->tools[contract.id].allowance;
    return {{remembered_row(limits_, agent.row, agent_row), remembered_limit(version, agent.limit, agent_limit)},
            {remembered_row(limits_, tool.row, tool_row), remembered_limit(version, tool.limit, tool_limit)}};
}

std::optional<RateLimiter::Refusal> RateLimiter::look(const call::Call& call, Nanos now) const {
    const Rows rows = rows_of(call, now);
    return refusal(rows.tool.number, limits_.peek(rows.tool.number, rows.tool.limit, now), rows.agent.number,
                   limits_.peek(rows.agent.number, rows.agent.limit, now));
}

call::Denial RateLimiter::words(const Refusal& refusal, const call::Call& call) {
    const std::string& principal = call.caller.principal;
    return rate_limited(refusal.by_tool ? fmt::format(FMT_COMPILE("{} by {}"), call.contract->name, principal)
                                        : fmt::format(FMT_COMPILE("all tools by {}"), principal),
                        refusal.reading);
}

std::optional<call::Denial> RateLimiter::judge(const call::Call& call, Look look, std::string&) {
    const Nanos now = clock_.wall();
    const Rows rows = rows_of(call, now);
    // Both are looked at before either is taken, so that a call refused by one costs nothing of the other.
    board::LimitReading tool = limits_.peek(rows.tool.number, rows.tool.limit, now);
    board::LimitReading agent = limits_.peek(rows.agent.number, rows.agent.limit, now);
    if (look == Look::Take && tool.allowed && agent.allowed) {
        tool = limits_.take(rows.tool.number, rows.tool.limit, now);
        agent = tool.allowed ? limits_.take(rows.agent.number, rows.agent.limit, now) : agent;
    }
    const auto refused = refusal(rows.tool.number, tool, rows.agent.number, agent);
    if (!refused) {
        return std::nullopt;
    }
    if (look == Look::Take) {
        count(*refused);
    }
    return words(*refused, call);
}

RateLimiter::Budget RateLimiter::budget(std::string_view principal, const call::Contract& contract) const {
    const Nanos now = clock_.wall();
    const std::uint32_t agent = handle_of(limits_, now, "agent:{}", principal).row;
    const std::uint32_t tool = handle_of(limits_, now, "agent:{}/tool:{}", principal, contract.name).row;
    return {.agent = limits_.peek(agent, policy_.agent_calls_per_minute(), now),
            .tool = limits_.peek(tool, policy_.tool_calls_per_minute(contract), now),
            .agent_denials = limits_.denials(agent),
            .tool_denials = limits_.denials(tool)};
}

}  // namespace resonant::govern
