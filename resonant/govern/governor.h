// The Governor stage holds what a session set out to do and what it may spend on it, and refuses
// commands that nobody may run. What is dangerous is the rules' to judge: they can ask for consent.
//
// Threads: any, at once. Goals live in table `governor_goals`; what was spent is written each second.
//
// Invariants:
//   (1) A forbidden command is refused whoever asks and whatever was consented.
//   (2) Only the owner widens a budget; anybody may tighten one of their session.
//   (3) A refused call spends nothing.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/govern/command.h"
#include "resonant/govern/stage.h"
#include "resonant/sql/database.h"

namespace resonant::govern {

struct SessionBudget {  // absent = no bound
    std::optional<std::uint64_t> calls;
    std::optional<double> seconds;  // wall clock since the goal was set
    std::optional<std::uint64_t> writes;
};

struct SessionGoal {
    std::string session;
    std::string goal;
    SessionBudget budget;
    Nanos set_at{};
    std::uint64_t calls_used = 0;
    std::uint64_t writes_used = 0;
};

struct Drift {
    double drift = 0;                 // 0 on the goal .. 1 nothing in common; 0 when there is no goal
    std::vector<std::string> shared;  // words of the goal found in the action
    std::string words;                // one sentence
};

class Governor final : public Stage {
  public:
    static Result<std::unique_ptr<Governor>> open(sql::Database& database, Clock& clock);

    std::string_view name() const override { return kGovernor; }
    std::optional<call::Denial> judge(const call::Call& call, Look look, std::string& note) override;

    // PermissionDenied when a caller who is not the owner widens a budget.
    Status set_goal(const std::string& session, const std::string& goal, const SessionBudget& budget,
                    call::Role by);
    std::optional<SessionGoal> goal(std::string_view session) const;
    Drift check_drift(std::string_view session, std::string_view action) const;
    // Writes what was spent since the last time; a crash forgets at most what came after it.
    Status save();

    static std::vector<std::string> tables() { return {"governor_goals"}; }

  private:
    Governor(sql::Database& database, Clock& clock) : database_(database), clock_(clock) {}
    Status load();
    std::optional<call::Denial> judge_budget(const call::Call& call, Look look);

    sql::Database& database_;
    Clock& clock_;
    mutable std::mutex mutex_;
    std::map<std::string, SessionGoal, std::less<>> goals_;
    std::set<std::string> changed_;  // sessions that spent something since the last save()
};

}  // namespace resonant::govern
