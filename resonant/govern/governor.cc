#include "resonant/govern/governor.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

namespace resonant::govern {
namespace {

constexpr std::size_t kGoalBytesMax = 4'000;
constexpr std::size_t kWordBytesMin = 3;
constexpr std::array<std::string_view, 34> kStopWords = {
    "all",  "and", "any",  "are",  "but",  "can",  "for",  "from", "has",  "have", "how",  "into",
    "its",  "not", "now",  "our",  "out",  "than", "that", "the",  "them", "then", "this", "use",
    "was",  "what", "when", "which", "will", "with", "you",  "your", "make", "get"};

// Endings fall away so that "tests", "testing" and "tested" are one word.
std::string stem(std::string word) {
    for (const std::string_view ending : {"ing", "ed", "es", "s"}) {
        if (word.size() >= ending.size() + kWordBytesMin && word.ends_with(ending)) {
            word.resize(word.size() - ending.size());
            break;
        }
    }
    return word;
}

std::set<std::string> content_words(std::string_view text) {
    std::set<std::string> words;
    std::string word;
    const auto take = [&] {
        if (word.size() >= kWordBytesMin && std::find(kStopWords.begin(), kStopWords.end(), word) == kStopWords.end()) {
            words.insert(stem(word));
        }
        word.clear();
    };
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || byte >= 0x80) {
            word += byte < 0x80 ? static_cast<char>(std::tolower(byte)) : c;
        } else {
            take();
        }
    }
    take();
    return words;
}

// Whether `asked` allows more than `held`; no bound is the widest.
template <typename T>
bool widens(const std::optional<T>& held, const std::optional<T>& asked) {
    return held && (!asked || *asked > *held);
}

bool widens(const SessionBudget& held, const SessionBudget& asked) {
    return widens(held.calls, asked.calls) || widens(held.seconds, asked.seconds) || widens(held.writes, asked.writes);
}

call::Denial over_budget(const std::string& session, std::string_view what, const std::string& numbers) {
    return {.code = "budget_exhausted",
            .stage = std::string(kGovernor),
            .rule = fmt::format("session.{}", what),
            .reason = fmt::format("session {} has spent its budget of {}: {}", session, what, numbers),
            .way_out = "finish with what you have, or ask the owner to widen it with governor.set_goal",
            .retry_after_s = {}};
}

std::optional<std::int64_t> optional_integer(const sql::Statement& row, int column) {
    return row.is_null(column) ? std::nullopt : std::optional(row.integer(column));
}

template <typename T>
void bind_optional(sql::Statement& statement, int parameter, const std::optional<T>& value) {
    if (!value) {
        statement.bind_null(parameter);
    } else if constexpr (std::is_floating_point_v<T>) {
        statement.bind(parameter, *value);
    } else {
        statement.bind(parameter, static_cast<std::int64_t>(*value));
    }
}

Status store(sql::Connection& connection, const SessionGoal& goal) {
    RESONANT_ASSIGN(sql::Statement insert,
                    connection.prepare("INSERT OR REPLACE INTO governor_goals VALUES (?,?,?,?,?,?,?,?)"));
    insert.bind(1, goal.session).bind(2, goal.goal);
    bind_optional(insert, 3, goal.budget.calls);
    bind_optional(insert, 4, goal.budget.seconds);
    bind_optional(insert, 5, goal.budget.writes);
    insert.bind(6, goal.set_at.count)
        .bind(7, static_cast<std::int64_t>(goal.calls_used))
        .bind(8, static_cast<std::int64_t>(goal.writes_used));
    return insert.run();
}

}  // namespace

Result<std::unique_ptr<Governor>> Governor::open(sql::Database& database, Clock& clock) {
    std::unique_ptr<Governor> governor(new Governor(database, clock));
    database.set_bookkeeping(tables());
    RESONANT_CHECK(database.write([](sql::Connection& connection) {
        return connection.run(
            "CREATE TABLE IF NOT EXISTS governor_goals(session TEXT PRIMARY KEY, goal TEXT NOT NULL, calls INTEGER,"
            " seconds REAL, writes INTEGER, set_at_ns INTEGER NOT NULL, calls_used INTEGER NOT NULL,"
            " writes_used INTEGER NOT NULL) STRICT");
    }));
    RESONANT_CHECK(governor->load());
    return governor;
}

Status Governor::load() {
    return database_.read([this](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(sql::Statement rows,
                        connection.prepare("SELECT session, goal, calls, seconds, writes, set_at_ns, calls_used,"
                                           " writes_used FROM governor_goals"));
        for (;;) {
            RESONANT_ASSIGN(const bool more, rows.step());
            if (!more) {
                return {};
            }
            SessionGoal goal{.session = rows.text(0),
                             .goal = rows.text(1),
                             .budget = {.calls = optional_integer(rows, 2),
                                        .seconds = rows.is_null(3) ? std::nullopt : std::optional(rows.real(3)),
                                        .writes = optional_integer(rows, 4)},
                             .set_at = {rows.integer(5)},
                             .calls_used = static_cast<std::uint64_t>(rows.integer(6)),
                             .writes_used = static_cast<std::uint64_t>(rows.integer(7))};
            goals_.insert_or_assign(goal.session, std::move(goal));
        }
    });
}

std::optional<call::Denial> Governor::judge(const call::Call& call, Look look, std::string& note) {
    if (const std::optional<Command> command = command_of(call)) {
        const Classification& classification = command->classification;
        if (classification.risk == Risk::Forbidden) {
            return call::Denial{
                .code = "forbidden",
                .stage = std::string(kGovernor),
                .rule = "command." + classification.rule,
                .reason = fmt::format("`{}` is forbidden: {}", command->line.substr(0, 200), classification.reason),
                .way_out = "no consent lifts this; do it in smaller, reversible steps",
                .retry_after_s = {}};
        }
        if (classification.risk != Risk::Safe) {
            note = fmt::format("command is {}: {}", name_of(classification.risk), classification.reason);
        }
    }
    return judge_budget(call, look);
}

std::optional<call::Denial> Governor::judge_budget(const call::Call& call, Look look) {
    // What changes or ends the budget itself is outside it: a spent one can still be widened and closed.
    const std::string& tool = call.contract->name;
    if (call.session.empty() || tool == "governor.set_goal" || tool == "session.end") {
        return std::nullopt;
    }
    const std::lock_guard lock(mutex_);
    const auto found = goals_.find(call.session);
    if (found == goals_.end()) {
        return std::nullopt;
    }
    SessionGoal& goal = found->second;
    const bool writes = call.contract->access != call::Access::Read;
    const double seconds = (call.at - goal.set_at).seconds();
    if (goal.budget.calls && goal.calls_used >= *goal.budget.calls) {
        return over_budget(goal.session, "calls", fmt::format("{} of {}", goal.calls_used, *goal.budget.calls));
    }
    if (writes && goal.budget.writes && goal.writes_used >= *goal.budget.writes) {
        return over_budget(goal.session, "writes", fmt::format("{} of {}", goal.writes_used, *goal.budget.writes));
    }
    if (goal.budget.seconds && seconds > *goal.budget.seconds) {
        return over_budget(goal.session, "seconds", fmt::format("{:.0f} of {:.0f}", seconds, *goal.budget.seconds));
    }
    if (look == Look::Take) {
        goal.calls_used += 1;
        goal.writes_used += writes ? 1 : 0;
        changed_.insert(goal.session);
    }
    return std::nullopt;
}

Status Governor::set_goal(const std::string& session, const std::string& goal, const SessionBudget& budget,
                          call::Role by) {
    if (session.empty() || goal.empty() || goal.size() > kGoalBytesMax) {
        return fail(Code::InvalidArgument,
                    fmt::format("set goal: a session and a goal of 1 to {} bytes are needed, the goal has {}",
                                kGoalBytesMax, goal.size()));
    }
    // The database's turn comes first, then ours: handlers that ask for a goal hold the former already.
    return database_.write([&](sql::Connection& connection) -> Status {
        const std::lock_guard lock(mutex_);
        const auto found = goals_.find(session);
        SessionGoal next{.session = session, .goal = goal, .budget = budget, .set_at = clock_.wall()};
        if (found != goals_.end()) {
            const SessionGoal& held = found->second;
            if (by != call::Role::Owner && widens(held.budget, budget)) {
                return fail(Code::PermissionDenied,
                            fmt::format("set goal: the budget of session {} may be tightened by anybody, only the owner "
                                        "widens it or takes a bound away; repeat the bounds it has or lower ones",
                                        session));
            }
            // A new goal in words is no new allowance.
            next.set_at = held.set_at;
            next.calls_used = held.calls_used;
            next.writes_used = held.writes_used;
        }
        RESONANT_CHECK(store(connection, next));
        goals_.insert_or_assign(session, std::move(next));
        return {};
    });
}

std::optional<SessionGoal> Governor::goal(std::string_view session) const {
    const std::lock_guard lock(mutex_);
    const auto found = goals_.find(session);
    return found == goals_.end() ? std::nullopt : std::optional(found->second);
}

Drift Governor::check_drift(std::string_view session, std::string_view action) const {
    const std::optional<SessionGoal> held = goal(session);
    if (!held) {
        return {.drift = 0, .shared = {}, .words = "the session has no goal; governor.set_goal gives it one"};
    }
    const std::set<std::string> wanted = content_words(held->goal);
    const std::set<std::string> doing = content_words(action);
    Drift drift;
    std::set_intersection(wanted.begin(), wanted.end(), doing.begin(), doing.end(), std::back_inserter(drift.shared));
    const std::size_t smaller = std::min(wanted.size(), doing.size());
    drift.drift = smaller == 0 ? 1 : 1 - static_cast<double>(drift.shared.size()) / static_cast<double>(smaller);
    drift.words = drift.shared.empty() ? fmt::format("no word of the goal \"{}\" is in the action", held->goal)
                                       : fmt::format("shares {} with the goal", fmt::join(drift.shared, ", "));
    return drift;
}

Status Governor::save() {
    std::vector<SessionGoal> goals;
    {
        const std::lock_guard lock(mutex_);
        for (const std::string& session : std::exchange(changed_, {})) {
            goals.push_back(goals_.find(session)->second);
        }
    }
    if (goals.empty()) {
        return {};
    }
    const Status saved = database_.keep_books([&](sql::Connection& connection) -> Status {
        for (const SessionGoal& goal : goals) {
            RESONANT_CHECK(store(connection, goal));
        }
        return {};
    });
    if (!saved) {
        const std::lock_guard lock(mutex_);
        for (const SessionGoal& goal : goals) {
            changed_.insert(goal.session);
        }
    }
    return saved;
}

}  // namespace resonant::govern
