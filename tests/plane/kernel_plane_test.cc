#include "resonant/plane/kernel_plane.h"

#include <gtest/gtest.h>

#include "tests/support/allocations.h"

namespace resonant::plane {
namespace {

using ring::Event;
using ring::EventType;
using ring::Poll;

class Plane : public ::testing::Test {
  protected:
    ManualClock clock_;
    std::unique_ptr<KernelPlane> plane_ = std::move(*KernelPlane::create(clock_, 7));
    ring::Subscription reader_ = plane_->subscribe();

    std::uint64_t received() {
        Event event;
        std::uint64_t count = 0;
        while (reader_.poll(event) == Poll::Got) {
            ++count;
        }
        return count;
    }
};

TEST_F(Plane, has_one_epoch_and_a_heart_that_beat) {
    EXPECT_EQ(plane_->board().view().epoch(), 7U);
    EXPECT_EQ(plane_->ring().epoch(), 7U);
    EXPECT_EQ(plane_->board().view().snapshot().heartbeat_ns,
              static_cast<std::uint64_t>(clock_.wall().count));
}

TEST_F(Plane, publishes_with_time_lane_and_source_filled_in) {
    const std::int64_t position =
        plane_->publish(EventType::ToolCompleted, "uid:1000", 5, {1, 2, 3, 4}, 0.5F);
    EXPECT_EQ(position, 0);
    Event event;
    ASSERT_EQ(reader_.poll(event), Poll::Got);
    EXPECT_EQ(event.type, EventType::ToolCompleted);
    EXPECT_EQ(event.lane, ring::Lane::Medium);
    EXPECT_EQ(event.source, ring::source_hash("uid:1000"));
    EXPECT_EQ(event.tool, 5U);
    EXPECT_EQ(event.data[3], 4U);
    EXPECT_EQ(event.confidence, 0.5F);
    EXPECT_EQ(event.at_ns, clock_.wall().count);
}

TEST_F(Plane, publishes_custom_events_by_name) {
    plane_->publish_custom("garden_watered", "uid:1000", 0.25F);
    Event event;
    ASSERT_EQ(reader_.poll(event), Poll::Got);
    EXPECT_EQ(event.type, EventType::Custom);
    EXPECT_EQ(ring::name_in(event), "garden_watered");
    EXPECT_EQ(event.data[0], ring::source_hash("garden_watered"));
    plane_->publish_custom(std::string(100, 'n'), "uid:1000", 1.0F);
    ASSERT_EQ(reader_.poll(event), Poll::Got);
    EXPECT_EQ(ring::name_in(event), std::string(47, 'n'));
}

TEST_F(Plane, dampens_a_pair_that_floods_and_counts_what_it_dropped) {
    for (int i = 0; i < 5'000; ++i) {
        plane_->publish(EventType::ToolCompleted, "flood");
    }
    EXPECT_EQ(received(), static_cast<std::uint64_t>(kDampenBurst));
    EXPECT_EQ(plane_->dampened(), 4'000U);
    EXPECT_EQ(plane_->publish(EventType::ToolCompleted, "flood"), -1);
    clock_.advance(kDampenGap + kDampenGap);
    EXPECT_GE(plane_->publish(EventType::ToolCompleted, "flood"), 0);
    EXPECT_GE(plane_->publish(EventType::ToolCompleted, "flood"), 0);
    EXPECT_EQ(plane_->publish(EventType::ToolCompleted, "flood"), -1);
}

TEST_F(Plane, lets_another_source_and_another_type_through_beside_a_flood) {
    while (plane_->publish(EventType::MemoryCreated, "flood") >= 0) {
    }
    EXPECT_GE(plane_->publish(EventType::MemoryCreated, "other"), 0);
    EXPECT_GE(plane_->publish(EventType::MemoryUpdated, "flood"), 0);
    EXPECT_EQ(plane_->publish(EventType::MemoryCreated, "flood"), -1);
}

TEST_F(Plane, dampens_custom_events_by_their_own_name) {
    while (plane_->publish_custom("garden_watered", "flood", 1.0F) >= 0) {
    }
    EXPECT_GE(plane_->publish_custom("garden_harvested", "flood", 1.0F), 0);
    EXPECT_EQ(plane_->publish_custom("garden_watered", "flood", 1.0F), -1);
}

TEST_F(Plane, never_dampens_what_is_fast) {
    for (int i = 0; i < 5'000; ++i) {
        ASSERT_GE(plane_->publish(EventType::WarningIssued, "flood"), 0);
    }
    EXPECT_EQ(received(), 5'000U);
    EXPECT_EQ(plane_->dampened(), 0U);
}

TEST_F(Plane, lets_a_pair_through_again_after_the_clock_was_set_back) {
    while (plane_->publish(EventType::ToolCompleted, "flood") >= 0) {
    }
    clock_.advance(Nanos{-3'600'000'000'000});
    EXPECT_GE(plane_->publish(EventType::ToolCompleted, "flood"), 0);
}

TEST_F(Plane, tells_the_ring_what_was_written_on_the_board) {
    plane_->set_field(board::Field::Reliability, 0.25, "operator");
    EXPECT_EQ(plane_->board().view().harmony().reliability, 0.25);
    Event event;
    ASSERT_EQ(reader_.poll(event), Poll::Got);
    EXPECT_EQ(event.type, EventType::BoardFieldChanged);
    EXPECT_EQ(event.data[0], static_cast<std::uint64_t>(board::Field::Reliability));
    EXPECT_EQ(std::bit_cast<double>(event.data[1]), 0.25);
}

TEST_F(Plane, publishes_without_allocating) {
    const test::Allocations allocations;
    for (int i = 0; i < 100; ++i) {
        plane_->publish(EventType::ToolCompleted, "a");
        plane_->publish_custom("name", "a", 1.0F);
        plane_->set_field(board::Field::Energy, 0.5, "a");
    }
    EXPECT_EQ(allocations.count(), 0U);
}

TEST(SystemClock, has_a_coarse_time_near_the_fine_one) {
    const SystemClock clock;
    const Nanos coarse = clock.wall_coarse();
    const Nanos fine = clock.wall();
    EXPECT_LE(coarse.count, fine.count);
    EXPECT_LT(fine.count - coarse.count, from_seconds(60).count);
}

}  // namespace
}  // namespace resonant::plane
