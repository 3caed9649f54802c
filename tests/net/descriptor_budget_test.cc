#include "resonant/net/descriptor_budget.h"

#include <gtest/gtest.h>

namespace resonant::net {
namespace {

TEST(DescriptorBudget, gives_what_is_configured_where_the_limit_has_room) {
    const Connections got = within(1 << 20, {4'096, 10'000});
    EXPECT_EQ(got.clients, 4'096U);
    EXPECT_EQ(got.http, 10'000U);
}

TEST(DescriptorBudget, shrinks_both_alike_and_never_promises_more_than_there_is) {
    for (const std::size_t limit : {64U, 128U, 256U, 1'024U, 4'096U, 20'000U}) {
        const Connections got = within(limit, {4'096, 10'000});
        EXPECT_GE(got.clients, 1U) << limit;
        EXPECT_GE(got.http, got.clients) << limit;
        EXPECT_LT(got.clients * kDescriptorsOfAClient + got.http, limit) << limit;
    }
}

}  // namespace
}  // namespace resonant::net
