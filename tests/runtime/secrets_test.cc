#include "resonant/runtime/secrets.h"

#include <gtest/gtest.h>

#include "tests/support/scratch.h"

namespace resonant::runtime {
namespace {

namespace fs = std::filesystem;

TEST(Secrets, a_value_is_kept_for_one_server_readable_by_its_owner_alone) {
    const test::Scratch scratch;
    const Secrets secrets(Home{scratch.path()});
    EXPECT_FALSE(secrets.find("a", "key"));
    ASSERT_TRUE(secrets.keep("a", "key", "one"));
    ASSERT_TRUE(secrets.keep("a", "../odd/Name", "two"));
    EXPECT_EQ(secrets.find("a", "key"), "one");
    EXPECT_EQ(secrets.find("a", "../odd/Name"), "two");
    EXPECT_FALSE(secrets.find("b", "key"));
    EXPECT_EQ(secrets.names("a").size(), 2U);
    for (const auto& entry : fs::directory_iterator(scratch / "secrets")) {
        EXPECT_EQ(entry.status().permissions(), fs::perms(0600));
    }
    EXPECT_EQ(fs::status(scratch / "secrets").permissions(), fs::perms(0700));
    ASSERT_TRUE(secrets.keep("a", "key", "three"));
    EXPECT_EQ(secrets.find("a", "key"), "three");
    EXPECT_TRUE(*secrets.forget("a", "key"));
    EXPECT_FALSE(*secrets.forget("a", "key"));
}

TEST(Secrets, names_and_values_have_limits) {
    const test::Scratch scratch;
    const Secrets secrets(Home{scratch.path()});
    EXPECT_FALSE(secrets.keep("a", "", "x"));
    EXPECT_FALSE(secrets.keep("a", std::string(200, 'x'), "x"));
    EXPECT_FALSE(secrets.keep("a/b", "x", "x"));
    EXPECT_FALSE(secrets.keep("a", "x", std::string(kSecretMax + 1, 'x')));
}

}  // namespace
}  // namespace resonant::runtime
