#include "resonant/mcp/session_ids.h"

#include <gtest/gtest.h>

namespace resonant::mcp {
namespace {

constexpr Nanos kFirst = from_seconds(1'000'000), kSecond = from_seconds(1'000'100);

TEST(SessionIds, an_id_is_known_to_the_next_kernel_and_to_its_principal_only) {
    SystemRandom random;
    const SessionIds before("secret", random, kFirst), now("secret", random, kSecond);
    const std::string id = before.make("token:a", "2025-11-25", kFirst + from_seconds(1));
    EXPECT_EQ(now.of_before(id, "token:a"), "2025-11-25");
    EXPECT_FALSE(now.of_before(id, "token:b"));
    EXPECT_FALSE(before.of_before(id, "token:a")) << "its own that it does not keep is over";
    EXPECT_NE(before.make("token:a", "2025-11-25", kFirst), before.make("token:a", "2025-11-25", kFirst));
}

TEST(SessionIds, a_changed_a_foreign_and_an_old_one_are_not_known) {
    SystemRandom random;
    const SessionIds before("secret", random, kFirst), now("secret", random, kSecond);
    const std::string id = before.make("token:a", "2025-11-25", kFirst);
    for (std::size_t at = 0; at < id.size(); ++at) {
        std::string changed = id;
        changed[at] = changed[at] == '0' ? '1' : '0';
        EXPECT_FALSE(now.of_before(changed, "token:a")) << at;
        EXPECT_FALSE(now.of_before(id.substr(0, at), "token:a")) << at;
    }
    for (const std::string& text : {std::string(), std::string("."), std::string("..."), std::string(5'000, '.'), id + "x"}) {
        EXPECT_FALSE(now.of_before(text, "token:a")) << text;
    }
    EXPECT_FALSE(SessionIds("another", random, kSecond).of_before(id, "token:a"));
    EXPECT_FALSE(SessionIds("", random, kSecond).of_before(id, "token:a"));
    EXPECT_FALSE(SessionIds("secret", random, kFirst + kSessionLife + Nanos{1}).of_before(id, "token:a"));
}

}  // namespace
}  // namespace resonant::mcp
