#include "resonant/agents/scheduler.h"

#include <gtest/gtest.h>

#include <bit>

namespace resonant::agents {
namespace {

using board::Field;
using ring::EventType;

class Swarm : public ::testing::Test {
  protected:
    SystemClock clock_;
    std::unique_ptr<plane::KernelPlane> plane_ = std::move(*plane::KernelPlane::create(clock_, 1));
    Monitors monitors_;
    Reasoners reasoners_{clock_};
    Scheduler scheduler_{*plane_, monitors_, reasoners_};

    MonitorGroup spawn(std::uint32_t count, double spread = 0) {
        MonitorSpec spec;
        spec.field = Field::Reliability;
        spec.direction = Direction::Below;
        spec.threshold = 0.5;
        spec.spread = spread;
        spec.count = count;
        spec.goal = "keep errors low";
        return *monitors_.spawn(spec, plane_->board().view().field(Field::Reliability));
    }
};

TEST_F(Swarm, escalates_what_fires_with_the_board_as_it_was_and_tells_the_ring) {
    const MonitorGroup group = spawn(1);
    plane_->board().set(Field::Reliability, 0.25);
    ring::Subscription reader = plane_->subscribe();
    EXPECT_EQ(scheduler_.cycle(), 1U);
    const auto escalation = reasoners_.next("a", Nanos{0});
    ASSERT_TRUE(escalation.has_value());
    EXPECT_EQ(escalation->goal, "keep errors low");
    EXPECT_EQ(escalation->crossing.value, 0.25);
    EXPECT_EQ(escalation->snapshot->harmony.reliability, 0.25);
    ring::Event event;
    ASSERT_EQ(reader.poll(event), ring::Poll::Got);
    EXPECT_EQ(event.type, EventType::MonitorTriggered);
    EXPECT_EQ(event.data[0], group.first_monitor);
    EXPECT_EQ(event.data[1], group.id);
    EXPECT_EQ(event.data[2], static_cast<std::uint64_t>(Field::Reliability));
    EXPECT_EQ(std::bit_cast<double>(event.data[3]), 0.25);
    EXPECT_EQ(scheduler_.cycle(), 0U);
}

TEST_F(Swarm, keeps_monitors_beyond_the_queue_asleep_and_counts_them) {
    spawn(kEscalationsMax + 500);
    plane_->board().set(Field::Reliability, 0.25);
    EXPECT_EQ(scheduler_.cycle(), kEscalationsMax + 500);
    EXPECT_EQ(reasoners_.stats().waiting, kEscalationsMax);
    EXPECT_EQ(reasoners_.stats().refused, 500U);
    EXPECT_EQ(monitors_.count(), kEscalationsMax + 500);
}

TEST_F(Swarm, ten_thousand_asleep_are_woken_through_the_ring) {
    scheduler_.start();
    spawn(10'000, 0.4);
    scheduler_.nudge();
    plane_->set_field(Field::Reliability, 0.1, "test");
    for (std::uint32_t i = 0; i < 10'000; ++i) {
        const auto escalation = reasoners_.next("a", from_seconds(60));
        ASSERT_TRUE(escalation.has_value());
        ASSERT_TRUE(reasoners_.resolve(escalation->id, Outcome::Sleep, "", "a").has_value());
    }
    EXPECT_FALSE(reasoners_.next("a", Nanos{0}).has_value());
    // They sleep again, and wake again after the value has gone back.
    scheduler_.stop();
    plane_->board().set(Field::Reliability, 1.0);
    EXPECT_EQ(scheduler_.cycle(), 0U);
    plane_->board().set(Field::Reliability, 0.1);
    EXPECT_EQ(scheduler_.cycle(), 10'000U);
}

TEST_F(Swarm, an_event_of_any_type_makes_it_look_at_the_board) {
    spawn(1);
    scheduler_.start();
    plane_->board().set(Field::Reliability, 0.25);  // silently
    plane_->publish(EventType::ToolCompleted, "test");
    EXPECT_TRUE(reasoners_.next("a", from_seconds(60)).has_value());
}

TEST_F(Swarm, does_not_listen_to_the_ring_while_nobody_watches) {
    scheduler_.start();
    for (int i = 0; i < 100; ++i) {
        plane_->publish(EventType::ToolCompleted, "test");
    }
    EXPECT_EQ(scheduler_.stats().cycles, 0U);
    EXPECT_EQ(scheduler_.stats().events, 0U);
}

TEST_F(Swarm, starts_and_stops_again_and_again) {
    for (int i = 0; i < 20; ++i) {
        scheduler_.start();
        scheduler_.start();
        scheduler_.stop();
        scheduler_.stop();
    }
    spawn(1);
    scheduler_.start();
    scheduler_.nudge();
    plane_->set_field(Field::Reliability, 0.25, "test");
    EXPECT_TRUE(reasoners_.next("a", from_seconds(60)).has_value());
}

TEST_F(Swarm, forgets_a_group_that_was_stopped) {
    const MonitorGroup group = spawn(3);
    ASSERT_TRUE(monitors_.stop(group.id).has_value());
    plane_->board().set(Field::Reliability, 0.25);
    EXPECT_EQ(scheduler_.cycle(), 0U);
    EXPECT_EQ(reasoners_.stats().escalated, 0U);
}

}  // namespace
}  // namespace resonant::agents
