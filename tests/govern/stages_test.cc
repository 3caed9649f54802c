// Circuit breaker, rate limiter, roles and maturity: each lets pass, and each denies with a way out.
#include <gmock/gmock.h>

#include "resonant/govern/circuit_breaker.h"
#include "resonant/govern/maturity.h"
#include "resonant/govern/rate_limiter.h"
#include "resonant/govern/roles.h"
#include "tests/govern/house.h"

namespace resonant::govern {
namespace {

using ::testing::HasSubstr;

class Stages : public House {
  protected:
    static std::optional<call::Denial> judge(Stage& stage, const call::Call& call, Look look = Look::Take) {
        std::string note;
        return stage.judge(call, look, note);
    }
};

class CircuitBreakerTest : public Stages {
  protected:
    void fail_times(int times) {
        for (int i = 0; i < times; ++i) {
            ASSERT_EQ(words(judge(breaker_, call_)), "passed");
            ASSERT_EQ(words(breaker_.admit(call_)), "passed");
            breaker_.settle(call_, Settled::Failed);
        }
    }

    CircuitBreaker breaker_{*limits_, clock_, *rules_};
    call::Contract contract_ = contract("net.fetch");
    call::Call call_ = call_of(contract_);
};

TEST_F(CircuitBreakerTest, opens_after_five_failures_and_says_when_to_come_back) {
    fail_times(5);
    const auto denial = judge(breaker_, call_);
    ASSERT_TRUE(denial.has_value());
    EXPECT_EQ(denial->code, "circuit_open");
    EXPECT_EQ(denial->stage, "circuit_breaker");
    EXPECT_NEAR(*denial->retry_after_s, 30, 0.1);
    const call::Contract other = contract("net.status");
    EXPECT_EQ(words(judge(breaker_, call_of(other))), "passed");
}

TEST_F(CircuitBreakerTest, callers_mistakes_do_not_open_it) {
    for (int i = 0; i < 50; ++i) {
        ASSERT_EQ(words(breaker_.admit(call_)), "passed");
        breaker_.settle(call_, settled_by(Code::InvalidArgument));
    }
    EXPECT_EQ(words(judge(breaker_, call_)), "passed");
    for (const Code code : {Code::Internal, Code::Unavailable, Code::DataLoss, Code::Timeout}) {
        EXPECT_EQ(settled_by(code), Settled::Failed);
    }
    for (const Code code : {Code::NotFound, Code::AlreadyExists, Code::Conflict, Code::PermissionDenied,
                            Code::ResourceExhausted, Code::Unimplemented, Code::InputRequired}) {
        EXPECT_EQ(settled_by(code), Settled::Answered);
    }
    EXPECT_EQ(fault_of(Code::InvalidArgument), Fault::Caller);
    EXPECT_EQ(fault_of(Code::Conflict), Fault::Nobody);
    EXPECT_EQ(fault_of(Code::DataLoss), Fault::Tool);
}

TEST_F(CircuitBreakerTest, half_open_admits_one_probe_and_closes_when_it_succeeds) {
    fail_times(5);
    clock_.advance(from_seconds(31));
    EXPECT_EQ(words(judge(breaker_, call_)), "passed");
    EXPECT_EQ(words(judge(breaker_, call_)), "passed") << "judging takes no probe";
    EXPECT_EQ(words(breaker_.admit(call_)), "passed");
    EXPECT_EQ(breaker_.admit(call_)->code, "circuit_open") << "one probe at a time";
    EXPECT_EQ(breaker_.settle(call_, Settled::Answered), board::BreakerState::Closed);
    EXPECT_EQ(words(breaker_.admit(call_)), "passed");
}

TEST_F(CircuitBreakerTest, a_probe_that_did_not_run_opens_it_again) {
    fail_times(5);
    clock_.advance(from_seconds(31));
    ASSERT_EQ(words(breaker_.admit(call_)), "passed");
    EXPECT_EQ(breaker_.settle(call_, Settled::NotRun), board::BreakerState::Open);
    clock_.advance(from_seconds(31));
    EXPECT_EQ(words(breaker_.admit(call_)), "passed") << "it is not stuck";
}

TEST_F(CircuitBreakerTest, a_call_that_did_not_run_is_no_failure) {
    for (int i = 0; i < 50; ++i) {
        ASSERT_EQ(words(breaker_.admit(call_)), "passed");
        breaker_.settle(call_, Settled::NotRun);
    }
    EXPECT_EQ(breaker_.read("net.fetch").state, board::BreakerState::Closed);
}

TEST_F(CircuitBreakerTest, the_owner_closes_it_by_hand) {
    fail_times(5);
    ASSERT_TRUE(breaker_.reset("net.fetch").has_value());
    EXPECT_EQ(words(judge(breaker_, call_)), "passed");
}

TEST_F(CircuitBreakerTest, thresholds_come_from_the_policy) {
    write_policy("20-net.yaml", "version: 1\nbreaker: {tools: {\"net.*\": {failures: 2, cooldown_s: 5}}}\n");
    ASSERT_TRUE(rules_->load(policy_folder()).has_value());
    fail_times(2);
    EXPECT_NEAR(*judge(breaker_, call_)->retry_after_s, 5, 0.1);
}

class RateLimiterTest : public Stages {
  protected:
    int passed(const call::Call& call, int times) {
        int count = 0;
        for (int i = 0; i < times; ++i) {
            count += judge(limiter_, call) ? 0 : 1;
        }
        return count;
    }

    RateLimiter limiter_{*limits_, clock_, *rules_};
    call::Contract contract_ = contract("memory.search");
    call::Call call_ = call_of(contract_);
};

TEST_F(RateLimiterTest, a_tool_has_a_limit_of_its_own_and_another_tool_still_works) {
    EXPECT_EQ(passed(call_, 400), 300);
    const auto denial = judge(limiter_, call_);
    ASSERT_TRUE(denial.has_value());
    EXPECT_EQ(denial->code, "rate_limited");
    EXPECT_EQ(denial->rule, "300 calls a minute");
    EXPECT_GT(*denial->retry_after_s, 0);
    const call::Contract other = contract("memory.read");
    EXPECT_EQ(words(judge(limiter_, call_of(other))), "passed");
}

TEST_F(RateLimiterTest, a_call_after_retry_after_passes) {
    EXPECT_EQ(passed(call_, 300), 300);
    const auto denial = judge(limiter_, call_);
    clock_.advance(from_seconds(*denial->retry_after_s) + Nanos{1});
    EXPECT_EQ(words(judge(limiter_, call_)), "passed");
}

TEST_F(RateLimiterTest, refused_calls_cost_nothing) {
    EXPECT_EQ(passed(call_, 2000), 300);
    const RateLimiter::Budget budget = limiter_.budget("uid:1000", contract_);
    EXPECT_EQ(budget.agent.used, 300U) << "of the agent's own limit only what passed";
    EXPECT_EQ(budget.tool_denials, 1700U);
    clock_.advance(from_seconds(121));
    EXPECT_EQ(passed(call_, 400), 300);
}

TEST_F(RateLimiterTest, an_agent_has_1200_calls_a_minute_over_all_tools) {
    int count = 0;
    for (int tool = 0; tool < 5; ++tool) {
        const call::Contract each = contract("tool." + std::to_string(tool));
        count += passed(call_of(each), 300);
    }
    EXPECT_EQ(count, 1200);
    call::Call other = call_;
    other.caller.principal = "uid:2000";
    EXPECT_EQ(words(judge(limiter_, other)), "passed");
}

TEST_F(RateLimiterTest, a_question_takes_nothing) {
    for (int i = 0; i < 1000; ++i) {
        ASSERT_EQ(words(judge(limiter_, call_, Look::Peek)), "passed");
    }
    EXPECT_EQ(limiter_.budget("uid:1000", contract_).tool.used, 0U);
}

TEST_F(RateLimiterTest, the_policy_sets_other_limits_at_once) {
    write_policy("20-limits.yaml", "version: 1\nlimits: {tools: {\"memory.*\": 2}}\n");
    ASSERT_TRUE(rules_->load(policy_folder()).has_value());
    EXPECT_EQ(passed(call_, 5), 2);
}

// What a memo remembers must never decide otherwise than names would.
class MemoTest : public RateLimiterTest {
  protected:
    MemoTest() { call_.memo = &memo_; }

    call::Memo memo_;
};

TEST_F(MemoTest, limits_as_without_one) {
    EXPECT_EQ(passed(call_, 400), 300);
    call::Call unknown = call_;
    unknown.memo = nullptr;
    EXPECT_EQ(words(judge(limiter_, unknown)), words(judge(limiter_, call_)));
    EXPECT_EQ(limiter_.budget("uid:1000", contract_).tool_denials, 102U);
}

TEST_F(MemoTest, forgets_a_limit_when_the_policy_changes) {
    EXPECT_EQ(passed(call_, 10), 10);
    write_policy("20-limits.yaml", "version: 1\nlimits: {tools: {\"memory.*\": 12}}\n");
    const Status loaded = rules_->load(policy_folder());
    ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
    EXPECT_EQ(passed(call_, 10), 2);
}

TEST_F(MemoTest, forgets_a_row_that_another_key_was_given) {
    EXPECT_EQ(passed(call_, 300), 300);
    clock_.advance(from_seconds(600));
    // Every row is wanted: the idle ones of the memo go to others, which use them up.
    for (std::uint32_t i = 0; i < 2 * board::kLimitRows; ++i) {
        const auto row = limits_->row("other:" + std::to_string(i), clock_.wall());
        ASSERT_TRUE(row.has_value());
        if (i > board::kLimitRows && i % 4 == 0) {
            static_cast<void>(limits_->take(*row, 1, clock_.wall()));
        }
    }
    EXPECT_EQ(passed(call_, 400), 300) << "neither another's calls nor lost ones";
    EXPECT_EQ(limiter_.budget("uid:1000", contract_).tool.used, 300U);
}

TEST_F(MemoTest, a_refusal_in_numbers_is_the_same_refusal) {
    EXPECT_FALSE(limiter_.look(call_, clock_.wall()).has_value());
    EXPECT_EQ(passed(call_, 300), 300);
    const auto refusal = limiter_.look(call_, clock_.wall());
    ASSERT_TRUE(refusal.has_value());
    EXPECT_TRUE(refusal->by_tool);
    EXPECT_EQ(words(RateLimiter::words(*refusal, call_)), words(judge(limiter_, call_)));
}

class RolesTest : public Stages {
  protected:
    std::string verdict(call::Access access, call::Role caller, call::Role declared = call::Role::Observer) {
        call::Contract made = contract("some.tool", access);
        made.role = declared;
        const auto denial = judge(roles_, call_of(made, {}, caller));
        return denial ? denial->code : "passed";
    }

    Roles roles_;
};

TEST_F(RolesTest, reading_is_for_all_writing_for_agents_deleting_for_the_owner) {
    EXPECT_EQ(verdict(call::Access::Read, call::Role::Observer), "passed");
    EXPECT_EQ(verdict(call::Access::Write, call::Role::Observer), "permission_denied");
    EXPECT_EQ(verdict(call::Access::Execute, call::Role::Observer), "permission_denied");
    EXPECT_EQ(verdict(call::Access::Write, call::Role::Agent), "passed");
    EXPECT_EQ(verdict(call::Access::Execute, call::Role::Agent), "passed");
    EXPECT_EQ(verdict(call::Access::Delete, call::Role::Coordinator), "permission_denied");
    EXPECT_EQ(verdict(call::Access::Delete, call::Role::Owner), "passed");
    EXPECT_EQ(verdict(call::Access::Write, call::Role::Agent, call::Role::Coordinator), "permission_denied");
    EXPECT_EQ(verdict(call::Access::Read, call::Role::Coordinator, call::Role::Owner), "permission_denied");
}

TEST_F(RolesTest, a_denial_says_how_the_owner_proves_themself) {
    const call::Contract erase = contract("memory.erase", call::Access::Delete);
    const auto denial = judge(roles_, call_of(erase));
    ASSERT_TRUE(denial.has_value());
    EXPECT_THAT(denial->reason, HasSubstr("uid:1000 has role agent, memory.erase needs owner"));
    EXPECT_THAT(denial->way_out, HasSubstr("RESONANT_ADMIN_SECRET"));
}

TEST_F(RolesTest, suspended_may_nothing_quarantined_may_read_and_the_owner_goes_on) {
    roles_.set_standing("uid:1000", Standing::Quarantined);
    EXPECT_EQ(verdict(call::Access::Read, call::Role::Agent), "passed");
    EXPECT_EQ(verdict(call::Access::Write, call::Role::Agent), "quarantined");
    roles_.set_standing("*", Standing::Suspended);
    EXPECT_EQ(verdict(call::Access::Read, call::Role::Agent), "suspended");
    EXPECT_EQ(verdict(call::Access::Write, call::Role::Owner), "passed");
    roles_.set_standing("*", Standing::Active);
    roles_.set_standing("uid:1000", Standing::Active);
    EXPECT_EQ(verdict(call::Access::Write, call::Role::Agent), "passed");
}

class MaturityTest : public Stages {
  protected:
    Maturity maturity_{clock_,
                       {.store_opens = [] { return true; },
                        .catalogue_size = [] { return std::size_t{181}; },
                        .governor_live = [] { return true; },
                        .ring_live = [] { return true; },
                        .rules_loaded = [this] { return rules_->loaded(); },
                        .ledger_verified = [this] { return whole_; },
                        .memories = [this]() -> std::size_t {
                            if (probe_throws_) {
                                throw std::runtime_error("no store");
                            }
                            return memories_;
                        },
                        .harmony = [] { return 0.9; },
                        .agents = [this] { return agents_; }}};
    bool whole_ = true;
    bool probe_throws_ = false;
    std::size_t memories_ = 0;
    std::size_t agents_ = 1;
};

TEST_F(MaturityTest, climbs_as_gates_open_and_falls_when_one_closes) {
    EXPECT_EQ(maturity_.passed(), 3);
    memories_ = 5;
    EXPECT_EQ(maturity_.passed(), 3) << "asked once a second at most";
    clock_.advance(from_seconds(1));
    EXPECT_EQ(maturity_.passed(), 4);
    agents_ = 2;
    clock_.advance(from_seconds(1));
    EXPECT_EQ(maturity_.passed(), 5) << "logos has no gate yet";
    whole_ = false;
    clock_.advance(from_seconds(1));
    EXPECT_EQ(maturity_.passed(), 2) << "a later gate does not count behind a closed one";
}

TEST_F(MaturityTest, a_locked_tool_says_what_unlocks_it) {
    memories_ = 3;
    call::Contract vote = contract("vote.create", call::Access::Write);
    vote.maturity = call::Maturity::Radiant;
    const auto denial = judge(maturity_, call_of(vote));
    ASSERT_TRUE(denial.has_value());
    EXPECT_EQ(denial->code, "immature");
    EXPECT_THAT(denial->reason, HasSubstr("3 memories"));
    EXPECT_THAT(denial->way_out, HasSubstr("store 2 more"));
    memories_ = 5;
    clock_.advance(from_seconds(1));
    EXPECT_EQ(words(judge(maturity_, call_of(vote))), "passed");
}

TEST_F(MaturityTest, a_probe_that_throws_is_a_closed_gate) {
    probe_throws_ = true;
    memories_ = 10;
    const std::vector<Gate> gates = maturity_.assess();
    ASSERT_EQ(gates.size(), 6U);
    EXPECT_FALSE(gates[3].passed);
    EXPECT_THAT(gates[3].seen, HasSubstr("no store"));
    EXPECT_EQ(maturity_.passed(), 3);
}

TEST_F(MaturityTest, probes_that_are_not_connected_pass_nothing) {
    EXPECT_EQ(Maturity(clock_, {}).passed(), 0);
}

}  // namespace
}  // namespace resonant::govern
