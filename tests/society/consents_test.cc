#include "resonant/society/consents.h"

#include <gtest/gtest.h>

#include "tests/support/scratch.h"

namespace resonant::society {
namespace {

class ConsentsTest : public ::testing::Test {
  protected:
    void SetUp() override {
        auto database = sql::Database::open(scratch_ / "db", {});
        ASSERT_TRUE(database) << database.error().message;
        database_ = std::move(*database);
        auto consents = Consents::open(*database_, clock_, random_);
        ASSERT_TRUE(consents) << consents.error().message;
        consents_ = std::move(*consents);
    }

    bool covered(const std::string& principal, const std::string& command = "", const std::string& risk = "dangerous") {
        const auto found = consents_->covers(principal, "sandbox.run", command, risk);
        EXPECT_TRUE(found);
        return found && found->has_value();
    }

    test::Scratch scratch_;
    ManualClock clock_;
    SeededRandom random_{1};
    std::unique_ptr<sql::Database> database_;
    std::unique_ptr<Consents> consents_;
};

TEST_F(ConsentsTest, a_request_covers_nothing_until_it_is_granted_and_nothing_after_it_is_revoked) {
    const auto request = consents_->request("uid:1000", "sandbox.run", "clean up", from_seconds(60));
    ASSERT_TRUE(request);
    EXPECT_EQ(request->state, "waiting");
    EXPECT_FALSE(covered("uid:1000"));
    const auto granted = consents_->grant({.scope = "", .to = "", .ttl = from_seconds(60), .request_id = request->id, .by = "owner"});
    ASSERT_TRUE(granted) << granted.error().message;
    EXPECT_TRUE(covered("uid:1000"));
    EXPECT_FALSE(covered("uid:2000")) << "a grant covers who asked";
    ASSERT_TRUE(consents_->revoke(request->id, "owner"));
    EXPECT_FALSE(covered("uid:1000"));
}

TEST_F(ConsentsTest, a_grant_expires_by_itself) {
    ASSERT_TRUE(consents_->grant({.scope = "sandbox.run", .to = "*", .ttl = from_seconds(10), .request_id = "", .by = "owner"}));
    clock_.advance(from_seconds(9));
    EXPECT_TRUE(covered("uid:1"));
    clock_.advance(from_seconds(1));
    EXPECT_FALSE(covered("uid:1"));
    const auto listed = consents_->list({.principal = "", .all = true});
    ASSERT_TRUE(listed);
    EXPECT_EQ(listed->at(0).state, "expired");
}

TEST_F(ConsentsTest, a_request_is_answered_once) {
    const auto request = consents_->request("a", "sandbox.run", "why", from_seconds(60));
    ASSERT_TRUE(request);
    ASSERT_TRUE(consents_->refuse(request->id, "owner", "no"));
    const auto late = consents_->grant({.scope = "", .to = "", .ttl = from_seconds(60), .request_id = request->id, .by = "owner"});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, Code::Conflict);
    EXPECT_FALSE(consents_->refuse(request->id, "owner", "again"));
    EXPECT_EQ(consents_->revoke("consent-none", "owner").error().code, Code::NotFound);
}

TEST_F(ConsentsTest, what_is_granted_forever_or_to_nobody_is_refused) {
    EXPECT_FALSE(consents_->grant({.scope = "sandbox.run", .to = "*", .ttl = Nanos{0}, .request_id = "", .by = "o"}));
    EXPECT_FALSE(consents_->grant({.scope = "sandbox.run", .to = "*", .ttl = kConsentTtlMax + Nanos{1}, .request_id = "", .by = "o"}));
    EXPECT_FALSE(consents_->grant({.scope = "sandbox.run", .to = "", .ttl = from_seconds(1), .request_id = "", .by = "o"}));
    EXPECT_FALSE(consents_->grant({.scope = "*", .to = "*", .ttl = from_seconds(1), .request_id = "", .by = "o"}));
}

TEST_F(ConsentsTest, waiting_requests_are_bounded) {
    for (std::size_t i = 0; i < kConsentsWaitingMax; ++i) {
        ASSERT_TRUE(consents_->request("a", "sandbox.run", "", from_seconds(60)));
    }
    const auto refused = consents_->request("a", "sandbox.run", "", from_seconds(60));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::ResourceExhausted);
    EXPECT_TRUE(consents_->request("b", "sandbox.run", "", from_seconds(60)));
    clock_.advance(from_seconds(61));
    EXPECT_TRUE(consents_->request("a", "sandbox.run", "", from_seconds(60)));
}

TEST(ConsentScope, covers_what_it_says_and_no_more) {
    EXPECT_TRUE(scope_covers("sandbox.run", "sandbox.run", "rm -r x", "dangerous"));
    EXPECT_FALSE(scope_covers("sandbox.run", "sandbox.run", "rm -rf /", "forbidden"));
    EXPECT_FALSE(scope_covers("sandbox.run", "sandbox.runner", "", ""));
    EXPECT_TRUE(scope_covers("sandbox.run:rm *", "sandbox.run", "rm -r x", "dangerous"));
    EXPECT_FALSE(scope_covers("sandbox.run:rm *", "sandbox.run", "mv a b", "caution"));
    EXPECT_FALSE(scope_covers("sandbox.run:rm ?", "sandbox.run", "rm ab", "caution"));
    EXPECT_TRUE(scope_covers("memory.*", "memory.add", "", ""));
    EXPECT_FALSE(scope_covers("memory.*", "memoryx.add", "", ""));
    EXPECT_TRUE(scope_covers("class:dangerous", "anything", "x", "caution"));
    EXPECT_FALSE(scope_covers("class:caution", "anything", "x", "dangerous"));
    EXPECT_FALSE(scope_covers("class:dangerous", "anything", "", ""));
}

TEST(ConsentScope, what_is_no_scope_is_refused_with_the_way_out) {
    for (const char* text : {"", "*", "class:forbidden", "sandbox.run:", "Sandbox", "a b", "x.*:y"}) {
        const Status refused = check_scope(text);
        ASSERT_FALSE(refused) << text;
        EXPECT_NE(refused.error().message.find("sandbox.run"), std::string::npos);
    }
}

}  // namespace
}  // namespace resonant::society
