#include "resonant/society/sessions.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>

#include "resonant/society/handoffs.h"
#include "resonant/society/results.h"
#include "resonant/society/scratchpads.h"

namespace resonant::society {
namespace {

class Society : public testing::Test {
  protected:
    void SetUp() override {
        folder_ = std::filesystem::temp_directory_path() /
                  ("society-" + std::to_string(::getpid()) + "-" +
                   testing::UnitTest::GetInstance()->current_test_info()->name());
        std::filesystem::remove_all(folder_);
        std::filesystem::create_directories(folder_);
        open();
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    // Opens everything anew, as the next kernel does.
    void open() {
        handoffs_.reset();
        scratchpads_.reset();
        sessions_.reset();
        database_.reset();
        database_ = std::move(*sql::Database::open(folder_ / "test.db", {}));
        sessions_ = std::move(*Sessions::open(*database_, clock_));
        scratchpads_ = std::move(*Scratchpads::open(*database_, clock_));
        handoffs_ = std::move(*Handoffs::open(*database_, clock_, *sessions_));
    }
    Session start(const std::string& name, const std::string& principal) {
        Session session;
        session.name = name;
        session.goals = {"ship it"};
        session.principal = principal;
        return *sessions_->start(session);
    }

    ManualClock clock_;
    std::filesystem::path folder_;
    std::unique_ptr<sql::Database> database_;
    std::unique_ptr<Sessions> sessions_;
    std::unique_ptr<Scratchpads> scratchpads_;
    std::unique_ptr<Handoffs> handoffs_;
};

TEST_F(Society, a_session_and_its_checkpoints_outlive_the_kernel) {
    const Session session = start("release", "ada");
    ASSERT_TRUE(
        sessions_->checkpoint(session.id, "half way", "tests pass", {{"memories", {"m1"}}}, "ada"));
    open();
    const auto found = sessions_->find(session.id, "ada");
    ASSERT_TRUE(found.has_value()) << found.error().message;
    EXPECT_EQ(found->goals, std::vector<std::string>{"ship it"});
    const auto checkpoints = sessions_->checkpoints(session.id, 10, "ada");
    ASSERT_EQ(checkpoints->size(), 1U);
    EXPECT_EQ(checkpoints->front().state["memories"][0], "m1");
}

TEST_F(Society, somebody_elses_session_is_not_found) {
    const Session session = start("secret", "ada");
    EXPECT_EQ(sessions_->find(session.id, "bob").error().code, Code::NotFound);
    EXPECT_EQ(sessions_->end(session.id, "", 0, "bob").error().code, Code::NotFound);
    EXPECT_TRUE(sessions_->list("all", 10, 0, "bob")->empty());
}

TEST_F(Society, an_ended_session_takes_no_checkpoint_until_it_is_resumed) {
    const Session session = start("release", "ada");
    ASSERT_TRUE(sessions_->end(session.id, "done", 7, "ada").has_value());
    EXPECT_EQ(sessions_->end(session.id, "again", 0, "ada").error().code, Code::Conflict);
    EXPECT_EQ(sessions_->checkpoint(session.id, "late", "", {}, "ada").error().code,
              Code::Conflict);
    EXPECT_EQ(sessions_->resume(session.id, "ada")->status, "open");
    EXPECT_TRUE(sessions_->checkpoint(session.id, "again", "", {}, "ada").has_value());
}

TEST_F(Society, sessions_are_listed_newest_first_and_page_by_id) {
    for (const char* name : {"one", "two", "three"}) {
        start(name, "ada");
    }
    const auto first = sessions_->list("open", 2, 0, "ada");
    ASSERT_EQ(first->size(), 2U);
    EXPECT_EQ(first->front().name, "three");
    const auto second = sessions_->list("open", 2, first->back().id, "ada");
    ASSERT_EQ(second->size(), 1U);
    EXPECT_EQ(second->front().name, "one");
}

TEST_F(Society, a_handoff_moves_the_session_to_the_one_it_was_offered_to) {
    const Session session = start("release", "ada");
    const auto offer = handoffs_->offer(session.id, "bob", "please finish", "ada");
    ASSERT_TRUE(offer.has_value());
    EXPECT_EQ(handoffs_->accept(offer->id, "eve").error().code, Code::NotFound);
    ASSERT_TRUE(handoffs_->accept(offer->id, "bob").has_value());
    EXPECT_TRUE(sessions_->find(session.id, "bob").has_value());
    EXPECT_FALSE(sessions_->find(session.id, "ada").has_value());
    EXPECT_EQ(handoffs_->accept(offer->id, "bob").error().code, Code::Conflict);
}

TEST_F(Society, an_old_offer_is_void_once_the_session_has_moved_on) {
    const Session session = start("release", "ada");
    const auto to_bob = handoffs_->offer(session.id, "bob", "", "ada");
    const auto to_anyone = handoffs_->offer(session.id, "", "", "ada");
    ASSERT_TRUE(handoffs_->accept(to_bob->id, "bob").has_value());
    EXPECT_EQ(handoffs_->accept(to_anyone->id, "eve").error().code, Code::NotFound);
}

TEST_F(Society, notes_append_replace_and_become_final) {
    const auto pad = scratchpads_->create("plan", 0, "ada");
    ASSERT_TRUE(scratchpads_->write(pad->id, "todo", "one", true, "ada").has_value());
    ASSERT_TRUE(scratchpads_->write(pad->id, "todo", "two", true, "ada").has_value());
    ASSERT_TRUE(scratchpads_->write(pad->id, "done", "zero", false, "ada").has_value());
    open();
    const auto read = scratchpads_->read(pad->id, "ada");
    ASSERT_EQ(read->sections.size(), 2U);
    EXPECT_EQ(read->sections[0].second, "one\ntwo");
    ASSERT_TRUE(scratchpads_->finalize(pad->id, "ada").has_value());
    EXPECT_EQ(scratchpads_->write(pad->id, "todo", "three", true, "ada").error().code,
              Code::Conflict);
    EXPECT_TRUE(scratchpads_->list(0, 10, "ada")->empty());
}

TEST_F(Society, notes_refuse_more_than_their_limits_and_keep_what_was_there) {
    const auto pad = scratchpads_->create("plan", 0, "ada");
    const std::string full(Scratchpads::kSectionBytes, 'x');
    ASSERT_TRUE(scratchpads_->write(pad->id, "big", full, false, "ada").has_value());
    EXPECT_EQ(scratchpads_->write(pad->id, "big", "y", true, "ada").error().code,
              Code::ResourceExhausted);
    EXPECT_EQ(scratchpads_->read(pad->id, "ada")->sections[0].second.size(), full.size());
    EXPECT_EQ(scratchpads_->read(pad->id, "bob").error().code, Code::NotFound);
}

TEST(Results, a_cut_answer_is_read_on_by_its_caller_alone) {
    ManualClock clock;
    Results results(clock);
    const std::string id = results.keep("ada", "häuser und bäume");
    const auto first = results.read(id, "ada", 0, 2);  // a limit inside the ä
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(first->text, "h");
    std::string whole = first->text;
    std::size_t offset = first->next_offset;
    while (offset < first->total) {
        const auto next = results.read(id, "ada", offset, 5);
        ASSERT_GT(next->next_offset, offset);
        whole += next->text;
        offset = next->next_offset;
    }
    EXPECT_EQ(whole, "häuser und bäume");
    EXPECT_EQ(results.read(id, "bob", 0, 10).error().code, Code::NotFound);
}

TEST(Results, are_bounded_in_number_and_bytes_and_expire) {
    ManualClock clock;
    Results results(clock);
    const std::string first = results.keep("ada", "first");
    for (std::size_t i = 0; i < Results::kCountMax; ++i) {
        results.keep("ada", "next");
    }
    EXPECT_FALSE(results.read(first, "ada", 0, 10).has_value());
    const std::string large = results.keep("ada", std::string(Results::kBytesMax + 5, 'x'));
    EXPECT_EQ(results.read(large, "ada", 0, 1)->total, Results::kBytesMax);
    clock.advance(Results::kLifetime + Nanos{1});
    EXPECT_FALSE(results.read(large, "ada", 0, 1).has_value());
}

TEST(Results, forget_the_quietest_principal_when_there_are_too_many) {
    ManualClock clock;
    Results results(clock);
    const std::string oldest = results.keep("p0", "text");
    for (std::size_t i = 1; i <= Results::kPrincipalsMax; ++i) {
        clock.advance(Nanos{1});
        results.keep("p" + std::to_string(i), "text");
    }
    EXPECT_FALSE(results.read(oldest, "p0", 0, 10).has_value());
}

TEST(WireId, reads_back_only_what_it_wrote) {
    EXPECT_EQ(wire_id('s', 7), "s7");
    EXPECT_EQ(parse_id('s', "s7"), 7);
    for (const char* wrong : {"", "s", "7", "m7", "s0", "s-1", "s7x", "s99999999999999999999"}) {
        EXPECT_FALSE(parse_id('s', wrong).has_value()) << wrong;
    }
}

}  // namespace
}  // namespace resonant::society
