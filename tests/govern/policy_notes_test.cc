#include "resonant/govern/policy_notes.h"

#include <gmock/gmock.h>

#include "resonant/call/principal.h"
#include "tests/govern/house.h"

namespace resonant::govern {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PolicyNotesTest : public House {
  protected:
    std::vector<std::string> notes(const std::string& text) {
        std::filesystem::remove(policy_folder() / "10-default.yaml");
        write_policy("mine.yaml", "version: 1\n" + text);
        const auto found = policy_notes(policy_folder(), {"memory.add", "memory.read", "sandbox.run"});
        EXPECT_TRUE(found) << found.error().message;
        return found.value_or(std::vector<std::string>());
    }
};

TEST_F(PolicyNotesTest, a_pattern_that_fits_a_tool_or_may_fit_one_of_a_server_has_no_note) {
    EXPECT_THAT(notes("limits: {tools: {\"memory.*\": 5, \"files__*\": 5, \"files*\": 5, \"*\": 5}}"), IsEmpty());
    EXPECT_THAT(notes("rules: [{name: a, action: warn, explain: x, when: {tools: [\"!sandbox.run\"]}}]"), IsEmpty());
}

TEST_F(PolicyNotesTest, rules_limits_and_breakers_for_no_tool_are_named_with_what_is_near) {
    EXPECT_THAT(notes("rules: [{name: a, action: warn, explain: x, when: {tools: [\"!memry.*\"]}}]"),
                ElementsAre("mine.yaml:2: rule a: no tool fits 'memry.*', so it holds for nothing; did you mean 'memory.*'?"));
    EXPECT_THAT(notes("limits: {tools: {memory.ad: 5}}"), ElementsAre(HasSubstr("limits.tools: no tool fits 'memory.ad'")));
    EXPECT_THAT(notes("breaker: {tools: {\"zzzzzz.*\": {failures: 2}}}"),
                ElementsAre("breaker.tools: no tool fits 'zzzzzz.*', so it holds for nothing"));
}

TEST(PrincipalName, those_that_a_transport_gives_are_accepted_and_others_are_named) {
    for (const char* right : {"uid:0", "uid:1000", "token:3fa2b1", "oauth:auth0|x", "oauth:a:b"}) {
        EXPECT_EQ(call::wrong_principal(right), "") << right;
    }
    for (const char* wrong : {"", "alice", "uid:", "uid:alice", "uid:-1", "token:", "token:XYZ", "oauth:", "uid", "UID:1", "*"}) {
        EXPECT_THAT(call::wrong_principal(wrong), HasSubstr("uid:N")) << wrong;
    }
}

}  // namespace
}  // namespace resonant::govern
