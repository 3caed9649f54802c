#include "resonant/agents/reasoners.h"

#include <gtest/gtest.h>

#include <thread>

namespace resonant::agents {
namespace {

class Queue : public ::testing::Test {
  protected:
    ManualClock clock_;
    Reasoners reasoners_{clock_};

    std::uint64_t escalate(std::uint32_t monitor) {
        MonitorGroup group;
        group.id = 1;
        group.spec.goal = "goal";
        group.spec.owner = "uid:1";
        Crossing crossing;
        crossing.monitor = monitor;
        crossing.group = 1;
        return reasoners_.escalate(crossing, group, std::make_shared<const board::Snapshot>());
    }
};

TEST_F(Queue, hands_out_the_oldest_first_with_its_context) {
    const std::uint64_t first = escalate(1);
    const std::uint64_t second = escalate(2);
    const auto one = reasoners_.next("a", Nanos{0});
    ASSERT_TRUE(one.has_value());
    EXPECT_EQ(one->id, first);
    EXPECT_EQ(one->goal, "goal");
    EXPECT_EQ(one->taker, "a");
    EXPECT_NE(one->snapshot, nullptr);
    EXPECT_EQ(one->at, clock_.wall());
    EXPECT_EQ(reasoners_.next("b", Nanos{0})->id, second);
    EXPECT_FALSE(reasoners_.next("b", Nanos{0}).has_value());
    EXPECT_EQ(reasoners_.stats().taken, 2U);
}

TEST_F(Queue, is_settled_once_and_by_its_taker) {
    const std::uint64_t id = escalate(1);
    static_cast<void>(reasoners_.next("a", Nanos{0}));
    EXPECT_EQ(reasoners_.resolve(id, Outcome::Sleep, "", "b").error().code, Code::Conflict);
    const Result<Resolution> resolution = reasoners_.resolve(id, Outcome::Execute, "done", "a");
    ASSERT_TRUE(resolution.has_value());
    EXPECT_EQ(resolution->note, "done");
    EXPECT_EQ(resolution->escalation.crossing.monitor, 1U);
    EXPECT_EQ(reasoners_.resolve(id, Outcome::Sleep, "", "a").error().code, Code::NotFound);
    EXPECT_EQ(reasoners_.stats().resolved, 1U);
    EXPECT_EQ(reasoners_.stats().taken, 0U);
}

TEST_F(Queue, settles_what_nobody_has_taken_and_hands_it_out_no_more) {
    const std::uint64_t id = escalate(1);
    EXPECT_TRUE(reasoners_.resolve(id, Outcome::Dismiss, "", "a").has_value());
    EXPECT_FALSE(reasoners_.next("a", Nanos{0}).has_value());
    EXPECT_EQ(reasoners_.stats().waiting, 0U);
}

TEST_F(Queue, refuses_a_note_that_is_too_long_and_keeps_the_escalation) {
    const std::uint64_t id = escalate(1);
    EXPECT_EQ(reasoners_.resolve(id, Outcome::Sleep, std::string(kNoteBytesMax + 1, 'n'), "a")
                  .error()
                  .code,
              Code::InvalidArgument);
    EXPECT_EQ(reasoners_.stats().waiting, 1U);
}

TEST_F(Queue, has_one_open_escalation_a_monitor) {
    const std::uint64_t id = escalate(1);
    EXPECT_EQ(escalate(1), 0U);
    EXPECT_EQ(reasoners_.stats().still_open, 1U);
    static_cast<void>(reasoners_.resolve(id, Outcome::Sleep, "", "a"));
    EXPECT_NE(escalate(1), 0U);
}

TEST_F(Queue, refuses_and_counts_what_is_beyond_its_bound) {
    for (std::uint32_t i = 0; i < kEscalationsMax; ++i) {
        ASSERT_NE(escalate(i), 0U);
    }
    EXPECT_EQ(escalate(kEscalationsMax), 0U);
    EXPECT_EQ(reasoners_.stats().refused, 1U);
    EXPECT_EQ(reasoners_.stats().waiting, kEscalationsMax);
    const auto one = reasoners_.next("a", Nanos{0});
    static_cast<void>(reasoners_.resolve(one->id, Outcome::Sleep, "", "a"));
    EXPECT_NE(escalate(kEscalationsMax), 0U);
}

TEST_F(Queue, hands_out_again_what_its_taker_forgot) {
    const std::uint64_t id = escalate(1);
    static_cast<void>(reasoners_.next("forgetful", Nanos{0}));
    clock_.advance(kTakenFor - Nanos{1});
    EXPECT_FALSE(reasoners_.next("b", Nanos{0}).has_value());
    clock_.advance(Nanos{1});
    const auto again = reasoners_.next("b", Nanos{0});
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(again->id, id);
    EXPECT_EQ(reasoners_.resolve(id, Outcome::Sleep, "", "forgetful").error().code, Code::Conflict);
    EXPECT_TRUE(reasoners_.resolve(id, Outcome::Sleep, "", "b").has_value());
    clock_.advance(kTakenFor);
    EXPECT_FALSE(reasoners_.next("c", Nanos{0}).has_value());
}

TEST_F(Queue, wakes_a_waiting_reasoner) {
    std::optional<Escalation> taken;
    {
        const std::jthread reasoner([&] { taken = reasoners_.next("a", from_seconds(60)); });
        escalate(7);
    }
    ASSERT_TRUE(taken.has_value());
    EXPECT_EQ(taken->crossing.monitor, 7U);
}

TEST_F(Queue, lets_a_waiting_reasoner_go_when_cancelled_or_closed) {
    std::atomic<bool> cancelled{false};
    {
        const std::jthread reasoner(
            [&] { EXPECT_FALSE(reasoners_.next("a", from_seconds(600), &cancelled).has_value()); });
        cancelled = true;
    }
    {
        const std::jthread reasoner(
            [&] { EXPECT_FALSE(reasoners_.next("a", from_seconds(600)).has_value()); });
        reasoners_.close();
    }
}

TEST(Outcome, has_names_that_are_found_again) {
    for (const Outcome outcome : {Outcome::Sleep, Outcome::Execute, Outcome::Dismiss}) {
        EXPECT_EQ(find_outcome(name_of(outcome)), outcome);
    }
    EXPECT_EQ(find_outcome("wait"), std::nullopt);
}

}  // namespace
}  // namespace resonant::agents
