#include "resonant/base/result.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace resonant {
namespace {

Result<int> half(int n) {
    if (n % 2 != 0) {
        return fail(Code::InvalidArgument, "half: " + std::to_string(n) + " is odd; give an even number");
    }
    return n / 2;
}

Result<int> quarter(int n) {
    RESONANT_ASSIGN(const int once, half(n));
    return half(once);
}

TEST(Result, assign_passes_the_first_error_on) {
    EXPECT_EQ(quarter(8), 2);
    ASSERT_FALSE(quarter(6).has_value());
    EXPECT_EQ(quarter(6).error().message, "half: 3 is odd; give an even number");
}

TEST(Result, errno_becomes_a_code_a_caller_can_branch_on) {
    EXPECT_EQ(fail_errno("write", ENOSPC).error().code, Code::ResourceExhausted);
    EXPECT_EQ(fail_errno("open", ENOENT).error().code, Code::NotFound);
    EXPECT_EQ(fail_errno("open", EROFS).error().code, Code::PermissionDenied);
    EXPECT_EQ(fail_errno("open x", ENOENT).error().message, "open x: No such file or directory");
}

TEST(Result, every_code_has_a_name_of_its_own) {
    EXPECT_EQ(name_of(Code::InvalidArgument), "invalid_argument");
    EXPECT_EQ(name_of(Code::Unimplemented), "unimplemented");
}

}  // namespace
}  // namespace resonant
