#include "resonant/govern/rate_limiter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "resonant/govern/rules.h"

namespace resonant::govern {
namespace {

constexpr std::size_t kKeyBytes = 512;  // beyond what the table takes, which then says so

struct Rows {
    std::uint32_t agent;
    std::uint32_t tool;
};

// No row means no word to judge by: the pipeline makes a denial of the exception.
Rows rows_of(board::LimitsTable& limits, std::string_view principal, std::string_view tool, Nanos now) {
    // Written on the stack: this is asked at every call.
    std::array<char, kKeyBytes> buffer;
    const auto row = [&](fmt::format_to_n_result<char*> written) {
        return limits.row({buffer.data(), std::min(written.size, buffer.size())}, now);
    };
    const auto agent = row(fmt::format_to_n(buffer.data(), buffer.size(), "agent:{}", principal));
    const auto pair = row(fmt::format_to_n(buffer.data(), buffer.size(), "agent:{}/tool:{}", principal, tool));
    if (!agent || !pair) {
        throw std::runtime_error((agent ? pair : agent).error().message);
    }
    return {*agent, *pair};
}

call::Denial rate_limited(const std::string& who, const board::LimitReading& reading) {
    return {.code = "rate_limited",
            .stage = std::string(kRateLimiter),
            .rule = fmt::format("{} calls a minute", reading.limit),
            .reason = fmt::format("{}: {} of {} calls in the last 60 s are used", who, reading.used, reading.limit),
            .way_out = fmt::format("wait {:.1f} s, do other work meanwhile; the owner sets limits in policy.d, "
                                   "section limits",
                                   reading.retry_after_s),
            .retry_after_s = reading.retry_after_s};
}

}  // namespace

std::string tool_key(std::string_view tool) { return fmt::format("tool:{}", tool); }
std::string agent_key(std::string_view principal) { return fmt::format("agent:{}", principal); }
std::string agent_tool_key(std::string_view principal, std::string_view tool) {
    return fmt::format("agent:{}/tool:{}", principal, tool);
}

RateLimiter::RateLimiter(board::LimitsTable& limits, Clock& clock, const Rules& policy)
    : limits_(limits), clock_(clock), policy_(policy) {}

std::optional<call::Denial> RateLimiter::judge(const call::Call& call, Look look, std::string&) {
    const Nanos now = clock_.wall();
    const std::string& principal = call.caller.principal;
    const Rows rows = rows_of(limits_, principal, call.contract->name, now);
    const std::uint32_t agent_limit = policy_.agent_calls_per_minute();
    const std::uint32_t tool_limit = policy_.tool_calls_per_minute(*call.contract);
    // Both are looked at before either is taken, so that a call refused by one costs nothing of the other.
    board::LimitReading tool = limits_.peek(rows.tool, tool_limit, now);
    board::LimitReading agent = limits_.peek(rows.agent, agent_limit, now);
    if (look == Look::Take && tool.allowed && agent.allowed) {
        tool = limits_.take(rows.tool, tool_limit, now);
        agent = tool.allowed ? limits_.take(rows.agent, agent_limit, now) : agent;
    }
    if (tool.allowed && agent.allowed) {
        return std::nullopt;
    }
    const bool tool_waits_longer =
        !tool.allowed && (agent.allowed || tool.retry_after_s >= agent.retry_after_s);
    if (look == Look::Take) {
        limits_.count_denial(tool_waits_longer ? rows.tool : rows.agent);
    }
    return tool_waits_longer ? rate_limited(fmt::format("{} by {}", call.contract->name, principal), tool)
                             : rate_limited(fmt::format("all tools by {}", principal), agent);
}

RateLimiter::Budget RateLimiter::budget(std::string_view principal, const call::Contract& contract) const {
    const Nanos now = clock_.wall();
    const Rows rows = rows_of(limits_, principal, contract.name, now);
    return {.agent = limits_.peek(rows.agent, policy_.agent_calls_per_minute(), now),
            .tool = limits_.peek(rows.tool, policy_.tool_calls_per_minute(contract), now),
            .agent_denials = limits_.denials(rows.agent),
            .tool_denials = limits_.denials(rows.tool)};
}

}  // namespace resonant::govern
