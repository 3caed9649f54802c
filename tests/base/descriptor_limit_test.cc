#include "resonant/base/descriptor_limit.h"

#include <gtest/gtest.h>

namespace resonant {
namespace {

TEST(DescriptorLimit, is_raised_to_the_hard_limit_and_children_get_the_old_one) {
    const DescriptorLimit before = descriptor_limit();
    rlimit low{before.original < 300 ? before.original : 300, before.hard};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
    EXPECT_EQ(descriptor_limit().soft, low.rlim_cur);
    ASSERT_TRUE(raise_descriptor_limit());
    const DescriptorLimit after = descriptor_limit();
    EXPECT_GE(after.soft, std::min(after.hard, kDescriptorsUseful));
    EXPECT_EQ(after.original, before.original);
    EXPECT_EQ(descriptor_limit_of_children().rlim_cur, before.original);
}

}  // namespace
}  // namespace resonant
