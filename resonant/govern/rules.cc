#include "resonant/govern/rules.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "resonant/base/log.h"
#include "resonant/govern/policy.h"

namespace resonant::govern {
namespace {

constexpr std::string_view kProfileFile = "profile";

// The profile chosen by set_profile(), "default" when none was.
std::string chosen_profile(const std::filesystem::path& folder) {
    std::ifstream file(folder / kProfileFile);
    std::string name;
    return file >> name ? name : "default";
}

Status write_whole(const std::filesystem::path& file, std::string_view content) {
    const std::filesystem::path draft = file.string() + fmt::format(".{}", ::getpid());
    {
        std::ofstream stream(draft, std::ios::binary | std::ios::trunc);
        stream << content;
        stream.flush();
        if (!stream) {
            std::error_code ignored;
            std::filesystem::remove(draft, ignored);
            return fail(Code::Unavailable, fmt::format("write {}: failed; check space and rights", draft.string()));
        }
    }
    std::error_code error;
    std::filesystem::rename(draft, file, error);
    if (error) {
        return fail_errno("rename to " + file.string(), error.value());
    }
    return {};
}

Result<unsigned> find_profile(const Policy& policy, const std::string& name) {
    const auto found = std::find(policy.profiles.begin(), policy.profiles.end(), name);
    if (found == policy.profiles.end()) {
        return fail(Code::NotFound, fmt::format("profile {}: not known; known are {}", name,
                                                fmt::join(policy.profiles, ", ")));
    }
    return static_cast<unsigned>(found - policy.profiles.begin());
}

bool in_mask(unsigned mask, unsigned bit) { return mask == 0 || (mask & (1U << bit)) != 0; }

void match_strings(const Json& value, const Patterns& patterns, std::vector<bool>& hits) {
    if (value.is_string()) {
        patterns.match(value.get_ref<const std::string&>(), hits);
    } else if (value.is_structured()) {
        for (const Json& each : value) {
            match_strings(each, patterns, hits);
        }
    }
}

// One call's look at the rules: patterns are run once, and only when a rule of the tool asks for one.
class Matcher {
  public:
    Matcher(const Policy& policy, const call::Call& call, const std::optional<Command>& command)
        : policy_(policy), call_(call), command_(command) {}

    // Whether any pattern at all is found: without one no rule that asks for a pattern can match.
    bool finds_any() {
        read();
        return !argument_hits_.empty() || !command_hits_.empty();
    }

    bool matches(const Rule& rule) {
        const Conditions& when = rule.when;
        if (!in_mask(when.roles, static_cast<unsigned>(call_.caller.role)) ||
            when.contained.value_or(call_.caller.contained) != call_.caller.contained) {
            return false;
        }
        if (when.risks != 0 &&
            (!command_ || !in_mask(when.risks, static_cast<unsigned>(command_->classification.risk)))) {
            return false;
        }
        return is_hit(when.arguments, argument_hits_) && is_hit(when.command, command_hits_);
    }

  private:
    static bool is_hit(int pattern, const std::vector<bool>& hits) {
        return pattern < 0 || (!hits.empty() && hits[static_cast<std::size_t>(pattern)]);
    }

    void read() {
        match_strings(call_.arguments, policy_.argument_patterns, argument_hits_);
        if (command_) {
            policy_.argument_patterns.match(command_->line, argument_hits_);
            policy_.command_patterns.match(command_->line, command_hits_);
        }
    }

    const Policy& policy_;
    const call::Call& call_;
    const std::optional<Command>& command_;
    std::vector<bool> argument_hits_;  // empty when no pattern is found
    std::vector<bool> command_hits_;
};

}  // namespace

std::string_view name_of(Action action) {
    constexpr std::array<std::string_view, 5> kNames = {"log", "tag", "warn", "throttle", "block"};
    return kNames[static_cast<std::size_t>(action)];
}

Rules::Rules(board::LimitsTable& limits, Clock& clock, ConsentProbe consents)
    : limits_(limits), clock_(clock), consents_(std::move(consents)) {}

Rules::~Rules() = default;

// The policy first, then its number: who sees the number finds the policy.
void Rules::activate(ActivePolicy policy) {
    std::atomic_store(&active_, std::make_shared<const ActivePolicy>(std::move(policy)));
    version_.fetch_add(1, std::memory_order_acq_rel);
}

Status Rules::load(const std::filesystem::path& folder) {
    const std::lock_guard lock(loading_);
    RESONANT_ASSIGN(auto policy, read_policy(folder));
    const std::string name = chosen_profile(folder);
    const Result<unsigned> profile = find_profile(*policy, name);
    if (!profile) {
        return fail(Code::InvalidArgument,
                    fmt::format("{}:1: {}; mend or remove the file", (folder / kProfileFile).string(), profile.error().message));
    }
    activate({std::move(policy), *profile});
    return {};
}

Result<std::size_t> Rules::check(const std::filesystem::path& folder) {
    RESONANT_ASSIGN(const auto policy, read_policy(folder));
    return policy->rules.size();
}

bool Rules::loaded() const { return std::atomic_load(&active_) != nullptr; }

std::shared_ptr<const ActivePolicy> Rules::active() const {
    auto active = std::atomic_load(&active_);
    if (active == nullptr) {
        throw std::runtime_error("no policy is loaded; `resonant policy check` says why");
    }
    return active;
}

std::string Rules::profile() const {
    const auto active = std::atomic_load(&active_);
    return active == nullptr ? "" : active->policy->profiles[active->profile];
}

std::vector<std::string> Rules::profiles() const {
    const auto active = std::atomic_load(&active_);
    return active == nullptr ? std::vector<std::string>() : active->policy->profiles;
}

Status Rules::set_profile(const std::string& profile) {
    const std::lock_guard lock(loading_);
    const auto now = std::atomic_load(&active_);
    if (now == nullptr) {
        return fail(Code::Unavailable, "set profile: no policy is loaded; dharma.reload says why");
    }
    RESONANT_ASSIGN(const unsigned index, find_profile(*now->policy, profile));
    RESONANT_CHECK(write_whole(now->policy->folder / kProfileFile, profile + "\n"));
    activate({now->policy, index});
    return {};
}

std::vector<RuleInfo> Rules::list(std::string_view profile) const {
    std::vector<RuleInfo> infos;
    const auto active = std::atomic_load(&active_);
    if (active == nullptr) {
        return infos;
    }
    const Result<unsigned> wanted =
        profile.empty() ? Result<unsigned>(active->profile) : find_profile(*active->policy, std::string(profile));
    for (const Rule& rule : active->policy->rules) {
        if (wanted && in_mask(rule.profiles, *wanted)) {
            infos.push_back(rule.info);
        }
    }
    return infos;
}

Evaluation Rules::evaluate(const call::Call& call) const {
    const auto active = this->active();
    const Policy& policy = *active->policy;
    Evaluation result;
    result.command = command_of(call);
    Matcher matcher(policy, call, result.command);
    std::vector<std::uint16_t> found;
    const auto consider = [&](const std::vector<std::uint16_t>& candidates) {
        std::copy_if(candidates.begin(), candidates.end(), std::back_inserter(found), [&](std::uint16_t index) {
            const Rule& rule = policy.rules[index];
            return in_mask(rule.profiles, active->profile) && matcher.matches(rule);
        });
    };
    const Policy::ToolView& view = policy.view(*call.contract);
    consider(view.rules);
    if (!view.rules_with_pattern.empty() && matcher.finds_any()) {
        consider(view.rules_with_pattern);
    }
    // Worst first, then in the order of the files.
    std::sort(found.begin(), found.end(), [&](std::uint16_t a, std::uint16_t b) {
        const Action x = policy.rules[a].info.action;
        const Action y = policy.rules[b].info.action;
        return x != y ? x > y : a < b;
    });
    for (const std::uint16_t index : found) {
        result.matches.push_back({policy.rules[index].info, policy.rules[index].calls_per_minute, ""});
    }
    lift(call, result);
    for (const Match& match : result.matches) {
        if (match.consent_id.empty()) {
            result.action = std::max(result.action, match.rule.action);
            result.score = std::min(result.score, 1 - match.rule.severity);
        }
    }
    return result;
}

// Asks once for the consent that the rules which allow it have in common.
void Rules::lift(const call::Call& call, Evaluation& evaluation) const {
    const bool forbidden =
        evaluation.command && evaluation.command->classification.risk == Risk::Forbidden;
    const bool liftable = std::any_of(evaluation.matches.begin(), evaluation.matches.end(), [](const Match& match) {
        return match.rule.action >= Action::Throttle && match.rule.consent;
    });
    if (forbidden || !liftable || !consents_) {
        return;
    }
    const Result<std::optional<std::string>> consent =
        consents_({.principal = call.caller.principal,
                   .tool = call.contract->name,
                   .command = evaluation.command ? std::string_view(evaluation.command->line) : "",
                   .risk = evaluation.command ? name_of(evaluation.command->classification.risk) : ""});
    if (!consent) {
        throw std::runtime_error("consents cannot be read: " + consent.error().message);
    }
    for (Match& match : evaluation.matches) {
        if (*consent && match.rule.action >= Action::Throttle && match.rule.consent) {
            match.consent_id = **consent;
        }
    }
}

std::optional<call::Denial> Rules::throttle(const Match& match, const call::Call& call, Look look) {
    const Nanos now = clock_.wall();
    const Result<std::uint32_t> row =
        limits_.row(fmt::format("rule:{}/agent:{}", match.rule.name, call.caller.principal), now);
    if (!row) {
        throw std::runtime_error(row.error().message);
    }
    const board::LimitReading reading = look == Look::Take ? limits_.take(*row, match.calls_per_minute, now)
                                                           : limits_.peek(*row, match.calls_per_minute, now);
    if (reading.allowed) {
        return std::nullopt;
    }
    if (look == Look::Take) {
        limits_.count_denial(*row);
    }
    return call::Denial{.code = "throttled",
                        .stage = std::string(kRules),
                        .rule = match.rule.name,
                        .reason = fmt::format("{} ({} calls a minute)", match.rule.explain, reading.limit),
                        .way_out = fmt::format("wait {:.1f} s{}", reading.retry_after_s,
                                               match.rule.consent ? ", or ask for consent with consent.request" : ""),
                        .retry_after_s = reading.retry_after_s};
}

call::Denial Rules::block(const Match& match, const call::Call& call, const Evaluation& evaluation) const {
    const bool forbidden =
        evaluation.command && evaluation.command->classification.risk == Risk::Forbidden;
    std::string reason = match.rule.explain;
    if (evaluation.command && !evaluation.command->classification.reason.empty()) {
        reason += fmt::format(" (`{}` is {}: {})", evaluation.command->line.substr(0, 200),
                              name_of(evaluation.command->classification.risk),
                              evaluation.command->classification.reason);
    }
    const std::string scope =
        evaluation.command ? fmt::format("{}:{}", call.contract->name, evaluation.command->line) : call.contract->name;
    return {.code = "blocked",
            .stage = std::string(kRules),
            .rule = match.rule.name,
            .reason = std::move(reason),
            .way_out = match.rule.consent && !forbidden
                           ? fmt::format("ask the owner: consent.request with {}",
                                         json::dump({{"action", scope}, {"reason", "..."}}))
                           : fmt::format("no consent lifts this; the owner can change {}:{}", match.rule.file, match.rule.line),
            .retry_after_s = {}};
}

std::optional<call::Denial> Rules::judge(const call::Call& call, Look look, std::string& note) {
    const Evaluation evaluation = evaluate(call);
    for (const Match& match : evaluation.matches) {
        const bool held = match.consent_id.empty();
        if (held && match.rule.action == Action::Block) {
            return block(match, call, evaluation);
        }
        if (held && match.rule.action == Action::Throttle) {
            if (auto denial = throttle(match, call, look)) {
                return denial;
            }
        }
        if (!note.empty()) {
            note += "; ";
        }
        note += held ? fmt::format("{} {}", name_of(match.rule.action), match.rule.name)
                     : fmt::format("{} lifted by {}", match.rule.name, match.consent_id);
    }
    return std::nullopt;
}

std::uint32_t Rules::tool_calls_per_minute(const call::Contract& contract) const {
    return active()->policy->view(contract).calls_per_minute;
}

std::uint32_t Rules::agent_calls_per_minute() const { return active()->policy->agent_calls_per_minute; }

board::BreakerPolicy Rules::breaker_policy(std::string_view tool) const {
    const auto active = this->active();
    for (const auto& [pattern, thresholds] : active->policy->tool_breakers) {
        if (matches_glob(pattern, tool)) {
            return thresholds;
        }
    }
    return active->policy->breaker;
}

bool Rules::sandbox_network() const { return active()->policy->sandbox_network; }

}  // namespace resonant::govern
