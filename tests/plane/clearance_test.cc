#include "resonant/plane/clearance.h"

#include <gtest/gtest.h>

namespace resonant::plane {
namespace {

using ring::EventType;

TEST(ClearanceTest, without_a_rule_a_helper_gets_custom_events_and_speaks_for_nobody_else) {
    const ClearancePolicy policy;
    const EventType custom[] = {EventType::Custom};
    const auto cleared = policy.clear("tide", custom);
    ASSERT_TRUE(cleared) << cleared.error().message;
    EXPECT_TRUE((*cleared)->allows(EventType::Custom));
    for (std::size_t i = 0; i < static_cast<std::size_t>(EventType::Count); ++i) {
        const EventType asked[] = {EventType::Custom, static_cast<EventType>(i)};
        EXPECT_EQ(policy.clear("tide", asked).has_value(), asked[1] == EventType::Custom) << name_of(asked[1]);
    }
}

TEST(ClearanceTest, its_own_rule_goes_before_the_rule_for_all_others) {
    const ClearancePolicy policy({{"*", {EventType::WarningIssued}}, {"tide", {EventType::Custom}}, {"mute", {}}});
    const EventType warning[] = {EventType::WarningIssued};
    const EventType custom[] = {EventType::Custom};
    EXPECT_TRUE(policy.clear("gull", warning));
    EXPECT_FALSE(policy.clear("gull", custom)) << "the rule for all others replaces the default";
    EXPECT_TRUE(policy.clear("tide", custom));
    const auto denied = policy.clear("tide", warning);
    ASSERT_FALSE(denied);
    EXPECT_EQ(denied.error().code, Code::PermissionDenied);
    EXPECT_NE(denied.error().message.find("[[helper]] name = \"tide\", events = [\"warning_issued\"]"), std::string::npos)
        << denied.error().message;
    EXPECT_FALSE(policy.clear("mute", custom));
    EXPECT_TRUE(policy.clear("mute", {})) << "it may be there, and say nothing";
}

TEST(ClearanceTest, a_name_that_would_not_fit_an_events_source_is_refused) {
    const ClearancePolicy policy;
    const EventType custom[] = {EventType::Custom};
    for (const std::string& name : {std::string(), std::string("a b"), std::string("caf\xc3\xa9"), std::string(32, 'a')}) {
        const auto refused = policy.clear(name, custom);
        ASSERT_FALSE(refused) << name;
        EXPECT_EQ(refused.error().code, Code::InvalidArgument);
    }
    EXPECT_TRUE(policy.clear(std::string(31, 'a'), custom));
}

TEST(ClearanceTest, what_is_left_after_a_revocation_can_be_listed) {
    const EventType both[] = {EventType::Custom, EventType::WarningIssued};
    Clearance clearance(both);
    EXPECT_EQ(clearance.types(), (std::vector{EventType::WarningIssued, EventType::Custom}));
    clearance.revoke(EventType::Custom);
    EXPECT_EQ(clearance.types(), std::vector{EventType::WarningIssued});
    clearance.revoke();
    EXPECT_TRUE(clearance.types().empty());
}

}  // namespace
}  // namespace resonant::plane
