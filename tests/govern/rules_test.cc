#include "resonant/govern/rules.h"

#include <fmt/core.h>
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "tests/govern/house.h"

namespace resonant::govern {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RulesTest : public House {
  protected:
    Result<std::optional<std::string>> consent(const ConsentQuestion& question) override {
        asked_.push_back(fmt::format("{} {} `{}` {}", question.principal, question.tool, question.command, question.risk));
        return consent_;
    }

    std::string judge(const call::Call& call, Look look = Look::Take) {
        note_.clear();
        return words(rules_->judge(call, look, note_));
    }

    call::Call run(std::vector<std::string> command, call::Role role = call::Role::Agent) const {
        return call_of(sandbox_, {{"command", std::move(command)}}, role);
    }

    // Replaces the built-in policy.
    Status load_only(const std::string& rules) {
        std::filesystem::remove(policy_folder() / "10-default.yaml");
        write_policy("rules.yaml", "version: 1\nrules:\n" + rules);
        return rules_->load(policy_folder());
    }

    Result<std::optional<std::string>> consent_ = std::nullopt;
    std::vector<std::string> asked_;
    std::string note_;
    call::Contract sandbox_ = contract("sandbox.run", call::Access::Execute);
    call::Contract add_ = contract("memory.add", call::Access::Write);
};

TEST_F(RulesTest, a_dangerous_command_is_blocked_and_the_rule_and_the_way_out_are_named) {
    const auto denial = rules_->judge(run({"rm", "-rf", "build"}), Look::Take, note_);
    ASSERT_TRUE(denial.has_value());
    EXPECT_EQ(denial->code, "blocked");
    EXPECT_EQ(denial->stage, "rules");
    EXPECT_EQ(denial->rule, "dangerous_commands");
    EXPECT_THAT(denial->reason, HasSubstr("`rm -rf build` is dangerous"));
    EXPECT_THAT(denial->way_out, HasSubstr(R"("action":"sandbox.run:rm -rf build")"));
    EXPECT_EQ(judge(run({"ls", "-l"})), "passed");
    EXPECT_EQ(judge(call_of(add_, {{"content", "rm -rf /"}})), "passed") << "words in a note are no command";
}

TEST_F(RulesTest, consent_lifts_the_block_and_the_note_names_it) {
    consent_ = std::optional<std::string>("consent-1");
    EXPECT_EQ(judge(run({"rm", "-rf", "build"})), "passed");
    EXPECT_THAT(note_, HasSubstr("dangerous_commands lifted by consent-1"));
    EXPECT_THAT(asked_, ElementsAre("uid:1000 sandbox.run `rm -rf build` dangerous"));
    consent_ = std::nullopt;
    EXPECT_THAT(judge(run({"rm", "-rf", "build"})), HasSubstr("blocked")) << "revoked holds at once";
}

TEST_F(RulesTest, consent_never_lifts_a_forbidden_command) {
    ASSERT_TRUE(load_only("  - {name: all_forbidden, explain: no, action: block, consent: allowed, when: {risk: [forbidden]}}\n"));
    consent_ = std::optional<std::string>("consent-1");
    EXPECT_THAT(judge(run({"rm", "-rf", "/"})), HasSubstr("no consent lifts this"));
    EXPECT_THAT(asked_, IsEmpty());
}

TEST_F(RulesTest, consent_does_not_lift_a_rule_that_does_not_allow_it) {
    ASSERT_TRUE(load_only("  - {name: never, explain: no, action: block, when: {tools: [sandbox.run]}}\n"
                          "  - {name: ask, explain: no, action: block, consent: allowed, when: {tools: [sandbox.run]}}\n"));
    consent_ = std::optional<std::string>("consent-1");
    EXPECT_THAT(judge(run({"ls"})), HasSubstr("| never |"));
}

TEST_F(RulesTest, consents_that_cannot_be_read_deny) {
    consent_ = fail(Code::DataLoss, "table damaged");
    EXPECT_THROW(judge(run({"rm", "-rf", "build"})), std::runtime_error);
}

TEST_F(RulesTest, all_conditions_of_a_rule_must_hold) {
    ASSERT_TRUE(load_only("  - name: both\n    explain: contained agents do not write about keys\n    action: block\n"
                          "    when: {tools: ['memory.*', '!memory.update'], access: [write], roles: [agent], contained: true,"
                          " arguments: 'KEY-[0-9]+'}\n"));
    call::Call call = call_of(add_, {{"content", "see KEY-42"}});
    EXPECT_EQ(judge(call), "passed") << "not contained";
    call.caller.contained = true;
    EXPECT_THAT(judge(call), HasSubstr("blocked"));
    call.arguments = {{"tags", {"KEY-7"}}};
    EXPECT_THAT(judge(call), HasSubstr("blocked")) << "in a list";
    call.arguments = {{"content", "see KEY-x"}};
    EXPECT_EQ(judge(call), "passed") << "other words";
    call.arguments = {{"content", "KEY-1"}};
    call.caller.role = call::Role::Coordinator;
    EXPECT_EQ(judge(call), "passed") << "another role";
    call.caller.role = call::Role::Agent;
    const call::Contract update = contract("memory.update", call::Access::Write);
    call.contract = &update;
    EXPECT_EQ(judge(call), "passed") << "taken out";
    const call::Contract read = contract("memory.read");
    call.contract = &read;
    EXPECT_EQ(judge(call), "passed") << "another class";
}

TEST_F(RulesTest, the_worst_action_wins_and_the_lesser_ones_are_noted) {
    ASSERT_TRUE(load_only("  - {name: first, explain: a, action: log, when: {tools: ['*']}}\n"
                          "  - {name: second, explain: b, action: warn, severity: 0.4, when: {tools: ['memory.*']}}\n"
                          "  - {name: third, explain: c, action: tag, severity: 0.9, when: {tools: ['memory.add']}}\n"));
    EXPECT_EQ(judge(call_of(add_)), "passed");
    EXPECT_EQ(note_, "warn second; tag third; log first");
    const Evaluation evaluation = rules_->evaluate(call_of(add_));
    EXPECT_EQ(evaluation.action, Action::Warn);
    EXPECT_DOUBLE_EQ(evaluation.score, 0.1);
    EXPECT_EQ(evaluation.matches[0].rule.line, 4);
}

TEST_F(RulesTest, throttle_has_an_effect) {
    ASSERT_TRUE(load_only("  - {name: slow, explain: go slow, action: throttle, calls_per_minute: 3, when: {tools: ['memory.add']}}\n"));
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(judge(call_of(add_), Look::Peek), "passed");
        EXPECT_EQ(judge(call_of(add_)), "passed");
    }
    const auto denial = rules_->judge(call_of(add_), Look::Take, note_);
    ASSERT_TRUE(denial.has_value());
    EXPECT_EQ(denial->code, "throttled");
    EXPECT_GT(*denial->retry_after_s, 0);
    clock_.advance(from_seconds(*denial->retry_after_s) + Nanos{1});
    EXPECT_EQ(judge(call_of(add_)), "passed");
}

TEST_F(RulesTest, profile_secure_asks_for_writes_and_lets_one_ask) {
    ASSERT_TRUE(rules_->set_profile("secure"));
    EXPECT_THAT(judge(call_of(add_)), HasSubstr("secure_no_writes"));
    const call::Contract ask = contract("consent.request", call::Access::Write);
    EXPECT_EQ(judge(call_of(ask)), "passed");
    EXPECT_EQ(judge(call_of(add_, {}, call::Role::Owner)), "passed") << "the owner can leave it again";
    consent_ = std::optional<std::string>("consent-9");
    EXPECT_EQ(judge(call_of(add_)), "passed");
}

TEST_F(RulesTest, a_profile_holds_over_a_reload_and_unknown_ones_are_refused) {
    ASSERT_TRUE(rules_->set_profile("secure"));
    ASSERT_TRUE(rules_->load(policy_folder()));
    EXPECT_EQ(rules_->profile(), "secure");
    const Status unknown = rules_->set_profile("violet");
    ASSERT_FALSE(unknown.has_value());
    EXPECT_THAT(unknown.error().message, HasSubstr("default, secure, creative"));
    EXPECT_GT(rules_->list("secure").size(), rules_->list("creative").size());
    EXPECT_TRUE(rules_->list("violet").empty());
}

struct BadPolicy {
    const char* text;
    const char* says;
};

class BadPolicies : public RulesTest, public ::testing::WithParamInterface<BadPolicy> {};

TEST_P(BadPolicies, are_refused_with_file_and_line_and_the_old_rules_stay) {
    const std::size_t before = rules_->list("").size();
    write_policy("50-bad.yaml", GetParam().text);
    const Status loaded = rules_->load(policy_folder());
    ASSERT_FALSE(loaded.has_value());
    EXPECT_EQ(loaded.error().code, Code::InvalidArgument);
    EXPECT_THAT(loaded.error().message, HasSubstr("50-bad.yaml:"));
    EXPECT_THAT(loaded.error().message, HasSubstr(GetParam().says));
    EXPECT_FALSE(Rules::check(policy_folder()).has_value());
    EXPECT_EQ(rules_->list("").size(), before);
    EXPECT_THAT(judge(run({"rm", "-rf", "build"})), HasSubstr("dangerous_commands"));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadPolicies,
    ::testing::Values(
        BadPolicy{"rules: [", ":1: is no YAML"}, BadPolicy{"rules: []", "version: 1"}, BadPolicy{"version: 1\nrule: []", ":2: the file knows no \"rule\""},
        BadPolicy{"version: 1\nversion: 1", ":2: the file has \"version\" twice"},
        BadPolicy{"version: 1\nrules:\n  - name: x\n    action: block\n    explain: e\n    when: {tool: [a]}", ":6: rule x: when knows no \"tool\""},
        BadPolicy{"version: 1\nrules:\n  - {name: x, action: block, explain: e, when: {}}", "when is empty"},
        BadPolicy{"version: 1\nrules:\n  - {name: x, action: stop, explain: e, when: {tools: [a]}}", "action \"stop\" is not known"},
        BadPolicy{"version: 1\nrules:\n  - {name: x, explain: e, when: {tools: [a]}}", "needs \"action\""},
        BadPolicy{"version: 1\nrules:\n  - {name: x, action: block, explain: e, severity: 2, when: {tools: [a]}}", "from 0 to 1"},
        BadPolicy{"version: 1\nrules:\n  - {name: x, action: block, explain: e, profiles: [blue], when: {tools: [a]}}", "\"blue\" is not known"},
        BadPolicy{"version: 1\nrules:\n  - {name: x, action: block, explain: e, when: {arguments: '(?<=a)b'}}", "is no RE2 pattern"},
        BadPolicy{"version: 1\nrules:\n  - {name: x, action: throttle, explain: e, when: {tools: [a]}}", "calls_per_minute"},
        BadPolicy{"version: 1\nrules:\n  - {name: x, action: block, explain: e, when: {risk: [deadly]}}", "\"deadly\" is not known"},
        BadPolicy{"version: 1\nrules:\n  - {name: dangerous_commands, action: log, explain: e, when: {tools: [a]}}", "stands already in 10-default.yaml:"},
        BadPolicy{"version: 1\nlimits: {agent_calls_per_minute: 5}", "stands already in 10-default.yaml:"},
        BadPolicy{"version: 1\nlimits: {tools: {a.b: 0}}", "from 1 to"}, BadPolicy{"version: 1\nbreaker: {tools: {a.b: {failures: lots}}}", "must be a number"}));

TEST_F(RulesTest, an_empty_or_missing_folder_is_refused_and_nothing_loaded_denies) {
    Rules fresh(*limits_, clock_, {});
    EXPECT_FALSE(fresh.loaded());
    EXPECT_EQ(fresh.load(scratch_.path() / "none").error().code, Code::NotFound);
    EXPECT_THROW(fresh.judge(call_of(add_), Look::Take, note_), std::runtime_error);
}

TEST_F(RulesTest, the_default_policy_is_written_once_and_never_over_the_owners) {
    write_policy("10-default.yaml", "version: 1\n");
    ASSERT_TRUE(write_default_policy(policy_folder()));
    EXPECT_EQ(*Rules::check(policy_folder()), 0U);
}

TEST_F(RulesTest, reloading_while_calls_are_judged_is_safe) {
    std::atomic<bool> stop{false};
    std::thread reloader([&] {
        while (!stop.load()) {
            EXPECT_TRUE(rules_->load(policy_folder()).has_value());
        }
    });
    for (int i = 0; i < 2000; ++i) {
        std::string note;
        EXPECT_TRUE(rules_->judge(run({"rm", "-rf", "x"}), Look::Peek, note).has_value());
    }
    stop.store(true);
    reloader.join();
}

}  // namespace
}  // namespace resonant::govern
