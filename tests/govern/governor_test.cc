#include "resonant/govern/governor.h"

#include <gmock/gmock.h>

#include "tests/govern/house.h"

namespace resonant::govern {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class GovernorTest : public House {
  protected:
    GovernorTest() {
        auto database = sql::Database::open(scratch_ / "resonant.db", {});
        EXPECT_TRUE(database.has_value());
        database_ = std::move(*database);
        reopen();
    }
    void reopen() {
        auto governor = Governor::open(*database_, clock_);
        EXPECT_TRUE(governor.has_value());
        governor_ = std::move(*governor);
    }
    std::string judge(const call::Contract& contract, Json arguments = Json::object(), Look look = Look::Take) {
        call::Call call = call_of(contract, std::move(arguments));
        call.session = "s1";
        note_.clear();
        return words(governor_->judge(call, look, note_));
    }

    std::unique_ptr<sql::Database> database_;
    std::unique_ptr<Governor> governor_;
    std::string note_;
    call::Contract run_ = contract("sandbox.run", call::Access::Execute);
    call::Contract read_ = contract("memory.read");
    call::Contract write_ = contract("memory.add", call::Access::Write);
};

TEST_F(GovernorTest, a_forbidden_command_is_refused_and_no_consent_is_offered) {
    EXPECT_THAT(judge(run_, {{"command", {"rm", "-rf", "/"}}}),
                HasSubstr("forbidden | governor | command.recursive_delete_root"));
    EXPECT_EQ(judge(run_, {{"command", {"rm", "-rf", "build"}}}), "passed") << "dangerous is for the rules to judge";
    EXPECT_THAT(note_, HasSubstr("command is dangerous"));
    EXPECT_EQ(judge(read_, {{"command", "rm -rf /"}}), "passed") << "a tool that reads runs nothing";
}

TEST_F(GovernorTest, a_session_spends_its_budget_and_no_more) {
    ASSERT_TRUE(governor_->set_goal("s1", "write tests", {.calls = 3, .seconds = {}, .writes = 1}, call::Role::Agent));
    EXPECT_EQ(judge(write_), "passed");
    EXPECT_THAT(judge(write_), HasSubstr("budget_exhausted | governor | session.writes"));
    EXPECT_EQ(judge(read_, {}, Look::Peek), "passed");
    EXPECT_EQ(judge(read_), "passed");
    EXPECT_EQ(judge(read_), "passed");
    EXPECT_THAT(judge(read_), HasSubstr("session.calls"));
    EXPECT_EQ(governor_->goal("s1")->calls_used, 3U) << "refused calls and questions spend nothing";
    call::Call other = call_of(read_);
    other.session = "s2";
    EXPECT_EQ(words(governor_->judge(other, Look::Take, note_)), "passed");
}

TEST_F(GovernorTest, time_runs_out) {
    ASSERT_TRUE(governor_->set_goal("s1", "write tests", {.calls = {}, .seconds = 60.0, .writes = {}}, call::Role::Agent));
    EXPECT_EQ(judge(read_), "passed");
    clock_.advance(from_seconds(61));
    EXPECT_THAT(judge(read_), HasSubstr("session.seconds"));
}

TEST_F(GovernorTest, anybody_tightens_a_budget_and_only_the_owner_widens_it) {
    ASSERT_TRUE(governor_->set_goal("s1", "a goal", {.calls = 10, .seconds = {}, .writes = {}}, call::Role::Agent));
    EXPECT_EQ(governor_->set_goal("s1", "a goal", {.calls = 11, .seconds = {}, .writes = {}}, call::Role::Agent).error().code,
              Code::PermissionDenied);
    EXPECT_FALSE(governor_->set_goal("s1", "a goal", {}, call::Role::Agent)) << "no bound is the widest";
    EXPECT_TRUE(governor_->set_goal("s1", "other words", {.calls = 5, .seconds = 9.0, .writes = {}}, call::Role::Agent));
    EXPECT_TRUE(governor_->set_goal("s1", "a goal", {.calls = 100, .seconds = {}, .writes = {}}, call::Role::Owner));
    EXPECT_EQ(governor_->set_goal("s1", "", {}, call::Role::Owner).error().code, Code::InvalidArgument);
}

TEST_F(GovernorTest, a_new_goal_is_no_new_allowance) {
    ASSERT_TRUE(governor_->set_goal("s1", "a goal", {.calls = 2, .seconds = {}, .writes = {}}, call::Role::Agent));
    EXPECT_EQ(judge(read_), "passed");
    EXPECT_EQ(judge(read_), "passed");
    ASSERT_TRUE(governor_->set_goal("s1", "another goal", {.calls = 2, .seconds = {}, .writes = {}}, call::Role::Agent));
    EXPECT_THAT(judge(read_), HasSubstr("budget_exhausted"));
}

TEST_F(GovernorTest, goals_and_what_was_spent_outlive_the_kernel) {
    ASSERT_TRUE(governor_->set_goal("s1", "a goal", {.calls = 2, .seconds = {}, .writes = 2}, call::Role::Agent));
    EXPECT_EQ(judge(write_), "passed");
    ASSERT_TRUE(governor_->save());
    reopen();
    const auto goal = governor_->goal("s1");
    ASSERT_TRUE(goal.has_value());
    EXPECT_EQ(goal->goal, "a goal");
    EXPECT_EQ(goal->calls_used, 1U);
    EXPECT_EQ(goal->writes_used, 1U);
    EXPECT_FALSE(goal->budget.seconds.has_value());
    EXPECT_EQ(judge(read_), "passed");
    EXPECT_THAT(judge(read_), HasSubstr("budget_exhausted"));
}

TEST_F(GovernorTest, drift_is_told_by_the_words_that_are_shared) {
    EXPECT_EQ(governor_->check_drift("s1", "anything").drift, 0);
    ASSERT_TRUE(governor_->set_goal("s1", "Write tests for the ledger", {}, call::Role::Agent));
    const Drift near = governor_->check_drift("s1", "run the ledger's test");
    EXPECT_LT(near.drift, 0.5);
    EXPECT_THAT(near.shared, Contains("ledger"));
    EXPECT_EQ(governor_->check_drift("s1", "order a pizza").drift, 1);
}

}  // namespace
}  // namespace resonant::govern
