// The Rules stage holds the owner's policy: YAML files in policy.d, read whole or not at all. A rule
// matches when ALL its conditions hold; of the rules that match, the worst action wins. (Design word:
// Dharma.) The language is docs/formats/policy.md.
//
// Threads: any, at once: a policy is immutable and swapped whole.
//
// Invariants:
//   (1) load() is all or nothing: a bad file is refused with file:line and the old policy stays.
//   (2) No rule is silently weaker than it reads: an unknown key, condition or profile is an error.
//   (3) Consent lifts a block only where the rule says `consent: allowed`, and the call's command is
//       not forbidden.
//   (4) Patterns are RE2: no input makes them slow. A pattern that cannot be run denies.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/board/limits.h"
#include "resonant/govern/command.h"
#include "resonant/govern/stage.h"

namespace resonant::govern {

enum class Action : std::uint8_t { Log, Tag, Warn, Throttle, Block };  // rising
std::string_view name_of(Action action);

struct ActivePolicy;  // policy.h: the compiled files and the profile

// One active rule as dharma.rules shows it.
struct RuleInfo {
    std::string name;
    std::string file;
    int line = 0;
    Action action = Action::Log;
    double severity = 0;
    bool consent = false;
    std::string explain;
    std::vector<std::string> profiles;
    std::string when;  // the conditions as compact JSON
};

struct Match {
    RuleInfo rule;
    std::uint32_t calls_per_minute = 0;  // of a throttling rule
    std::string consent_id;  // the consent that lifted it; empty when it holds
};

struct Evaluation {
    Action action = Action::Log;   // the worst that holds; Log when nothing matched
    double score = 1;              // 1 - the worst severity that holds
    std::vector<Match> matches;    // worst first
    std::optional<Command> command;
};

class Rules final : public Stage {
  public:
    // `limits` carries the words of throttling rules. `consents` may be empty: then nothing is lifted.
    // Until the first load() no rule is active and loaded() is false: judging throws, so every call is denied.
    Rules(board::LimitsTable& limits, Clock& clock, ConsentProbe consents);
    ~Rules() override;

    std::string_view name() const override { return kRules; }
    std::optional<call::Denial> judge(const call::Call& call, Look look, std::string& note) override;

    // Reads every *.yaml of the folder, sorted by name, and the active profile from the file `profile`.
    Status load(const std::filesystem::path& folder);
    // Reads the folder as load() would and forgets it: `policy check`. Returns the number of rules.
    static Result<std::size_t> check(const std::filesystem::path& folder);
    bool loaded() const;
    // Another number after each change of policy or profile; 0 until the first load().
    std::uint32_t version() const { return version_.load(std::memory_order_acquire); }

    // "default", "secure", "creative", and what the files name.
    std::string profile() const;
    std::vector<std::string> profiles() const;
    // Switches and writes the folder's file `profile`, so that it holds over a restart.
    Status set_profile(const std::string& profile);

    // Active rules of a profile (empty: the active one), in the order of the files.
    std::vector<RuleInfo> list(std::string_view profile) const;
    // What the rules say of a call; changes nothing.
    Evaluation evaluate(const call::Call& call) const;

    // From the policy's `limits:` section; the contract's own limit when it says nothing.
    std::uint32_t tool_calls_per_minute(const call::Contract& contract) const;
    std::uint32_t agent_calls_per_minute() const;
    board::BreakerPolicy breaker_policy(std::string_view tool) const;
    // From the policy's `sandbox:` section.
    bool sandbox_network() const;

  private:
    std::shared_ptr<const ActivePolicy> active() const;  // throws while nothing is loaded
    void activate(ActivePolicy policy);
    void lift(const call::Call& call, Evaluation& evaluation) const;
    std::optional<call::Denial> throttle(const Match& match, const call::Call& call, Look look);
    call::Denial block(const Match& match, const call::Call& call, const Evaluation& evaluation) const;

    board::LimitsTable& limits_;
    Clock& clock_;
    ConsentProbe consents_;
    std::shared_ptr<const ActivePolicy> active_;  // swapped whole, by atomic_load and atomic_store
    std::mutex loading_;
    std::atomic<std::uint32_t> version_{0};
};

// Writes the built-in policy (10-default.yaml) into an empty folder; leaves a folder with files alone.
Status write_default_policy(const std::filesystem::path& folder);

}  // namespace resonant::govern
