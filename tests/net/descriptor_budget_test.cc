#include "resonant/net/descriptor_budget.h"

#include <gtest/gtest.h>

namespace resonant::net {
namespace {

TEST(DescriptorBudget, gives_what_is_configured_where_the_limit_has_room) {
    for (const std::size_t limit : {20'000U, 1U << 20}) {
        const Connections got = within(limit, {4'096, 10'000});
        EXPECT_EQ(got.clients, 4'096U) << limit;
        EXPECT_EQ(got.http, 10'000U) << limit;
    }
}

TEST(DescriptorBudget, leaves_each_door_a_part_however_low_the_limit_is) {
    for (const std::size_t limit : {64U, 128U, 256U, 1'024U, 4'096U, 20'000U}) {
        const Connections got = within(limit, {4'096, 10'000});
        EXPECT_GE(got.clients, 1U) << limit;
        EXPECT_LT(got.clients * kDescriptorsOfAClient, limit * 4 / 5) << limit;
        EXPECT_LT(got.http, limit * 4 / 5) << limit;
    }
}

}  // namespace
}  // namespace resonant::net
