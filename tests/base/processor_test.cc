#include "resonant/base/processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace resonant {
namespace {

using testing::HasSubstr;

TEST(ProcessorTest, names_what_is_missing_and_the_way_out) {
    const Status old = processor_verdict(false);
    ASSERT_FALSE(old.has_value());
    EXPECT_THAT(old.error().message, HasSubstr("SSE4.2"));
    EXPECT_THAT(old.error().message, HasSubstr("run resonant on"));
    EXPECT_TRUE(processor_verdict(true).has_value());
}

TEST(ProcessorTest, accepts_the_processor_that_this_test_was_able_to_run_on) {
    EXPECT_TRUE(check_processor().has_value());
}

}  // namespace
}  // namespace resonant
