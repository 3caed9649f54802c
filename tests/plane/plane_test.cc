#include <gtest/gtest.h>

#include "resonant/plane/agent_plane.h"
#include "resonant/plane/kernel_plane.h"

namespace resonant::plane {
namespace {

class PlaneTest : public ::testing::Test {
  protected:
    void SetUp() override {
        auto made = KernelPlane::create(clock_, 7);
        ASSERT_TRUE(made) << made.error().message;
        kernel_ = std::move(*made);
    }

    ManualClock clock_;
    std::unique_ptr<KernelPlane> kernel_;
};

TEST_F(PlaneTest, an_agent_sees_what_the_kernel_writes_and_publishes) {
    auto descriptors = kernel_->share();
    ASSERT_TRUE(descriptors) << descriptors.error().message;
    auto agent = AgentPlane::attach(std::move(*descriptors));
    ASSERT_TRUE(agent) << agent.error().message;
    EXPECT_EQ((*agent)->epoch(), 7U);
    auto events = (*agent)->subscribe();
    ASSERT_TRUE(events);

    kernel_->set_field(board::Field::ErrorRate, 0.25, "test");

    EXPECT_DOUBLE_EQ((*agent)->board().field(board::Field::ErrorRate), 0.25);
    ring::Event event;
    ASSERT_EQ(events->poll(event), ring::Poll::Got);
    EXPECT_EQ(event.type, ring::EventType::BoardFieldChanged);
    EXPECT_EQ(event.at_ns, clock_.wall().count);
}

TEST_F(PlaneTest, descriptors_of_two_kernels_are_refused) {
    auto other = KernelPlane::create(clock_, 8);
    ASSERT_TRUE(other);
    auto mine = kernel_->share();
    auto theirs = (*other)->share();
    ASSERT_TRUE(mine && theirs);
    std::vector<Descriptor> mixed;
    mixed.push_back(std::move((*mine)[0]));
    mixed.push_back(std::move((*theirs)[1]));
    const auto refused = AgentPlane::attach(std::move(mixed));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::DataLoss);
    EXPECT_FALSE(AgentPlane::attach({}));
}

TEST_F(PlaneTest, a_flood_of_one_kind_from_one_sender_is_dampened_and_counted) {
    EXPECT_GE(kernel_->publish(ring::EventType::MemoryAccessed, "a"), 0);
    EXPECT_EQ(kernel_->publish(ring::EventType::MemoryAccessed, "a"), -1);
    EXPECT_EQ(kernel_->dampened(), 1U);
    EXPECT_GE(kernel_->publish(ring::EventType::MemoryAccessed, "b"), 0) << "another sender is not dampened";
    EXPECT_GE(kernel_->publish(ring::EventType::MemoryCreated, "a"), 0) << "another type is not dampened";
    clock_.advance(from_millis(2));
    EXPECT_GE(kernel_->publish(ring::EventType::MemoryAccessed, "a"), 0);
}

TEST_F(PlaneTest, the_fast_lane_is_never_dampened) {
    const auto fast = ring::EventType::BoundaryViolated;
    ASSERT_EQ(ring::lane_of(fast), ring::Lane::Fast);
    for (int i = 0; i < 100; ++i) {
        EXPECT_GE(kernel_->publish(fast, "a"), 0);
    }
    EXPECT_EQ(kernel_->dampened(), 0U);
}

TEST_F(PlaneTest, a_custom_event_carries_its_name_cut_to_the_slot) {
    auto descriptors = kernel_->share();
    auto agent = AgentPlane::attach(std::move(*descriptors));
    ASSERT_TRUE(agent);
    auto events = (*agent)->subscribe();
    ASSERT_GE(kernel_->publish_custom(std::string(100, 'n'), "test", 0.5F), 0);
    ring::Event event;
    ASSERT_EQ(events->poll(event), ring::Poll::Got);
    EXPECT_EQ(std::string(event.name.data()), std::string(47, 'n'));
    EXPECT_FLOAT_EQ(event.confidence, 0.5F);
}

}  // namespace
}  // namespace resonant::plane
