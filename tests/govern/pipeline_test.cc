#include "resonant/govern/pipeline.h"

#include <gmock/gmock.h>

#include "resonant/govern/governor.h"
#include "resonant/govern/maturity.h"
#include "resonant/govern/rate_limiter.h"
#include "resonant/govern/roles.h"
#include "resonant/govern/sanitizer.h"
#include "tests/govern/house.h"
#include "tests/support/allocations.h"

namespace resonant::govern {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PipelineTest : public House {
  protected:
    PipelineTest() {
        auto database = sql::Database::open(scratch_ / "resonant.db", {});
        EXPECT_TRUE(database.has_value());
        database_ = std::move(*database);
        governor_ = std::move(*Governor::open(*database_, clock_));
        pipeline_ = std::move(*Pipeline::create(stages(), breaker_));
    }
    std::vector<Stage*> stages() {
        return {&sanitizer_, &breaker_, &limiter_, &roles_, &maturity_, governor_.get(), rules_.get()};
    }
    std::optional<call::Denial> judge(const call::Call& call) { return pipeline_->judge(call, passages_); }

    std::unique_ptr<sql::Database> database_;
    Sanitizer sanitizer_;
    CircuitBreaker breaker_{*limits_, clock_, *rules_};
    RateLimiter limiter_{*limits_, clock_, *rules_};
    Roles roles_;
    static MaturityProbes seed_only() {
        MaturityProbes probes;
        probes.store_opens = [] { return true; };
        probes.catalogue_size = [] { return std::size_t{1}; };
        return probes;
    }
    Maturity maturity_{clock_, seed_only()};
    std::unique_ptr<Governor> governor_;
    std::unique_ptr<Pipeline> pipeline_;
    std::vector<Passage> passages_;
    call::Contract read_ = contract("memory.read");
    call::Contract run_ = contract("sandbox.run", call::Access::Execute);
};

TEST_F(PipelineTest, is_built_in_the_right_order_or_not_at_all) {
    auto swapped = stages();
    std::swap(swapped[0], swapped[2]);
    const auto pipeline = Pipeline::create(swapped, breaker_);
    ASSERT_FALSE(pipeline.has_value());
    EXPECT_THAT(pipeline.error().message, HasSubstr("stage 1 is rate_limiter, it must be sanitizer"));
    EXPECT_FALSE(Pipeline::create({&sanitizer_}, breaker_).has_value());
    CircuitBreaker other(*limits_, clock_, *rules_);
    EXPECT_FALSE(Pipeline::create(stages(), other).has_value());
}

TEST_F(PipelineTest, a_harmless_call_passes_in_silence) {
    EXPECT_EQ(words(judge(call_of(read_))), "passed");
    EXPECT_THAT(passages_, IsEmpty());
}

// For each stage a call in which it is the one that denies.
TEST_F(PipelineTest, each_stage_denies_in_its_own_name) {
    EXPECT_EQ(judge(call_of(read_, {{"_admin", true}}))->stage, "sanitizer");
    const call::Contract broken = contract("net.fetch");
    for (int i = 0; i < 5; ++i) {
        ASSERT_EQ(words(judge(call_of(broken))), "passed");
        pipeline_->settle(call_of(broken), Settled::Failed);
    }
    EXPECT_EQ(judge(call_of(broken))->stage, "circuit_breaker");
    call::Contract rare = contract("rare.tool");
    rare.id = 7;
    rare.calls_per_minute = 1;
    EXPECT_EQ(words(judge(call_of(rare))), "passed");
    EXPECT_EQ(judge(call_of(rare))->stage, "rate_limiter");
    const call::Contract erase = contract("memory.erase", call::Access::Delete);
    EXPECT_EQ(judge(call_of(erase))->stage, "roles");
    call::Contract late = contract("vote.create");
    late.maturity = call::Maturity::Radiant;
    EXPECT_EQ(judge(call_of(late))->stage, "maturity");
    EXPECT_EQ(judge(call_of(run_, {{"command", {"mkfs", "/dev/sda"}}}))->stage, "governor");
    EXPECT_EQ(judge(call_of(run_, {{"command", {"rm", "-rf", "x"}}}))->stage, "rules");
    EXPECT_EQ(passages_.back().stage, "rules");
    EXPECT_FALSE(passages_.back().passed);
    EXPECT_EQ(passages_.front().stage, "governor") << "its note about the command is kept";
}

TEST_F(PipelineTest, a_stage_that_throws_denies) {
    for (const std::string_view stage : kOrder) {
        arm_fault("govern." + std::string(stage));
        const auto denial = judge(call_of(read_));
        ASSERT_TRUE(denial.has_value()) << stage;
        EXPECT_EQ(denial->code, "stage_failed");
        EXPECT_EQ(denial->stage, stage);
        disarm_faults();
        EXPECT_EQ(words(judge(call_of(read_))), "passed") << stage;
    }
}

TEST_F(PipelineTest, a_denied_call_never_holds_the_probe_of_a_half_open_breaker) {
    for (int i = 0; i < 5; ++i) {
        ASSERT_EQ(words(judge(call_of(run_, {{"command", {"ls"}}}))), "passed");
        pipeline_->settle(call_of(run_), Settled::Failed);
    }
    clock_.advance(from_seconds(31));
    EXPECT_EQ(judge(call_of(run_, {{"command", {"rm", "-rf", "x"}}}))->stage, "rules");
    EXPECT_EQ(words(judge(call_of(run_, {{"command", {"ls"}}}))), "passed") << "the probe is still free";
    EXPECT_EQ(judge(call_of(run_, {{"command", {"ls"}}}))->stage, "circuit_breaker") << "and now it is taken";
    EXPECT_EQ(pipeline_->settle(call_of(run_), Settled::Answered), board::BreakerState::Closed);
}

TEST_F(PipelineTest, explain_tells_every_stage_and_changes_nothing) {
    call::Contract rare = contract("sandbox.run", call::Access::Execute);
    rare.calls_per_minute = 1;
    for (int i = 0; i < 3; ++i) {
        std::optional<call::Denial> first;
        const std::vector<Passage> passages =
            pipeline_->explain(call_of(rare, {{"command", {"rm", "-rf", "x"}}}), first);
        ASSERT_EQ(passages.size(), kOrder.size());
        EXPECT_TRUE(passages[2].passed) << passages[2].note;
        EXPECT_FALSE(passages[6].passed);
        EXPECT_THAT(passages[6].note, HasSubstr("rm -rf x"));
    }
    EXPECT_EQ(words(judge(call_of(rare, {{"command", {"ls"}}}))), "passed");
}

TEST_F(PipelineTest, a_call_that_passes_in_silence_allocates_nothing) {
    const call::Call call = call_of(read_, {{"id", "a memory's id"}, {"tier", "brief"}});
    judge(call);
    pipeline_->settle(call, Settled::Answered);
    const test::Allocations allocations;
    for (int i = 0; i < 10; ++i) {
        EXPECT_FALSE(judge(call).has_value());
        pipeline_->settle(call, Settled::Answered);
    }
    EXPECT_EQ(allocations.count(), 0U);
}

TEST(Denial, as_json_has_what_a_model_needs) {
    EXPECT_EQ(to_json({.code = "c", .stage = "s", .rule = "r", .reason = "w", .way_out = "o", .retry_after_s = 2.5}),
              (Json{{"code", "c"}, {"stage", "s"}, {"rule", "r"}, {"reason", "w"}, {"way_out", "o"}, {"retry_after_s", 2.5}}));
    EXPECT_FALSE(to_json(stage_failed("rules", "x")).contains("retry_after_s"));
}

}  // namespace
}  // namespace resonant::govern
