// A Policy is what the files of policy.d say, compiled: rules, limits, breaker thresholds. The language
// is docs/formats/policy.md.
//
// Any thread: constant once read, but for a cache of each tool's rules, which guards itself.
//
// Invariants:
//   (1) A policy exists only if every file of it was understood to the last key.
//   (2) Rules keep the order of files (by name) and of lines.
#pragma once

#include <re2/re2.h>
#include <re2/set.h>

#include <array>
#include <atomic>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "resonant/govern/rules.h"

namespace resonant::govern {

inline constexpr std::size_t kPolicyFileMax = 1024 * 1024;  // bytes of one file
inline constexpr std::size_t kPolicyRulesMax = 10'000;
inline constexpr std::size_t kPolicyProfilesMax = 32;

// Conditions of one rule; all must hold. A mask of 0 asks for nothing.
struct Conditions {
    std::vector<std::string> tools;  // patterns; one that begins with '!' takes tools out again
    unsigned access = 0;
    unsigned roles = 0;
    unsigned risks = 0;              // of the command; a call without one does not match
    std::optional<bool> contained;
    std::optional<bool> external;
    int arguments = -1;              // index into Policy::argument_patterns
    int command = -1;                // index into Policy::command_patterns
};

struct Rule {
    RuleInfo info;
    Conditions when;
    unsigned profiles = 0;              // mask over Policy::profiles; 0 is all
    std::uint32_t calls_per_minute = 0;  // of a throttling rule
};

// Many patterns, matched in one pass.
class Patterns {
  public:
    Patterns();
    // The index of the pattern, or what is wrong with it.
    std::expected<int, std::string> add(const std::string& pattern);
    bool compile();
    // Whether any pattern is found: the cheap question, which most calls end with. No allocation.
    bool any(std::string_view text) const;
    // Sets hits[i] for each pattern i found in `text`. Throws when RE2 runs out of memory.
    void match(std::string_view text, std::vector<bool>& hits) const;

  private:
    re2::RE2::Set set_;
    std::string together_;  // all patterns as alternatives
    std::unique_ptr<re2::RE2> any_;
    std::size_t size_ = 0;
};

struct Policy {
    std::filesystem::path folder;
    std::vector<std::string> profiles = {"default", "secure", "creative"};
    std::vector<Rule> rules;
    Patterns argument_patterns;
    Patterns command_patterns;

    std::uint32_t agent_calls_per_minute = 1'200;
    std::vector<std::pair<std::string, std::uint32_t>> tool_limits;        // by pattern, first match counts
    board::BreakerPolicy breaker;
    std::vector<std::pair<std::string, board::BreakerPolicy>> tool_breakers;
    bool sandbox_network = false;  // whether sandbox.run may give a program the network

    // What can be known of a tool before any call: rules whose tool, access and external conditions hold,
    // and its limit. Rules that ask for a pattern stand apart: most calls find none, and skip them all.
    struct ToolView {
        std::string name;
        std::vector<std::uint16_t> rules;
        std::vector<std::uint16_t> rules_with_pattern;
        std::uint32_t calls_per_minute = 0;
    };
    const ToolView& view(const call::Contract& contract) const;

  private:
    ToolView make_view(const call::Contract& contract) const;

    mutable std::array<std::atomic<const ToolView*>, call::kToolsMax> views_{};
    mutable std::mutex views_mutex_;
    mutable std::deque<ToolView> views_made_;
};

// A policy and which of its profiles is active: what a call is judged by.
struct ActivePolicy {
    std::shared_ptr<const Policy> policy;
    unsigned profile = 0;  // index into Policy::profiles
};

// Reads every *.yaml and *.yml of the folder. InvalidArgument with file:line: what, NotFound without files.
Result<std::shared_ptr<const Policy>> read_policy(const std::filesystem::path& folder);

// '*' is any text, '?' one character.
bool matches_glob(std::string_view pattern, std::string_view text);

}  // namespace resonant::govern
