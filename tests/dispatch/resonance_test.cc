#include "resonant/dispatch/resonance.h"

#include <gtest/gtest.h>

namespace resonant::dispatch {
namespace {

class ResonanceTest : public ::testing::Test {
  protected:
    ResonanceTest() : tracker_(catalogue_) {
        for (int i = 0; i < call::kFamilies; ++i) {
            keys_[static_cast<std::size_t>(i)] = "family" + std::to_string(i);
            catalogue_.begin({keys_[static_cast<std::size_t>(i)], keys_[static_cast<std::size_t>(i)], "", "", ""});
        }
    }

    board::Resonance run(const std::string& thread, int family, call::Access access, int times, bool well = true) {
        call::Contract contract;
        contract.family = static_cast<std::uint8_t>(family);
        contract.access = access;
        board::Resonance seen;
        for (int i = 0; i < times; ++i) {
            seen = tracker_.before(thread, contract, Nanos{1});
            tracker_.after(thread, contract, well);
        }
        return seen;
    }

    std::array<std::string, call::kFamilies> keys_;
    Catalogue catalogue_;
    ResonanceTracker tracker_;
};

TEST_F(ResonanceTest, two_different_call_sequences_give_different_phase_and_posture) {
    const board::Resonance writing = run("a", 1, call::Access::Write, 5);      // East
    const board::Resonance watching = run("b", 22, call::Access::Read, 5);     // North
    EXPECT_EQ(phase_name(writing.phase), "wood");
    EXPECT_EQ(posture_name(writing.posture), "rajasic");
    EXPECT_EQ(phase_name(watching.phase), "water");
    EXPECT_EQ(posture_name(watching.posture), "sattvic");
}

TEST_F(ResonanceTest, trouble_makes_it_tamasic_and_a_mix_of_quadrants_is_earth) {
    EXPECT_EQ(posture_name(run("a", 8, call::Access::Read, 6, false).posture), "tamasic");
    run("b", 0, call::Access::Read, 1);
    run("b", 8, call::Access::Read, 1);
    run("b", 16, call::Access::Read, 1);
    EXPECT_EQ(phase_name(run("b", 24, call::Access::Read, 1).phase), "earth");
}

TEST_F(ResonanceTest, knows_the_family_before_and_the_next_one_in_the_circle) {
    run("a", 6, call::Access::Read, 1);
    const board::Resonance seen = run("a", 27, call::Access::Read, 1);
    EXPECT_EQ(seen.predecessor, 7U);
    EXPECT_EQ(seen.family, 28U);
    EXPECT_EQ(seen.successor, 1U);
    EXPECT_EQ(seen.quadrant, 3U);
}

TEST_F(ResonanceTest, threads_of_work_do_not_mix) {
    run("a", 1, call::Access::Write, 3);
    EXPECT_EQ(run("b", 2, call::Access::Read, 1).predecessor, 0U);
    EXPECT_EQ(tracker_.chain("a"), 3U);
    EXPECT_EQ(tracker_.chain("b"), 1U);
}

TEST_F(ResonanceTest, the_compact_form_fits_into_250_bytes) {
    const board::Resonance seen = run("a", 6, call::Access::Write, 2);
    const std::string text = tracker_.compact(seen, board::Harmony{}, 123456);
    EXPECT_LE(text.size(), 250U);
    EXPECT_TRUE(json::parse(text).has_value()) << text;
}

TEST_F(ResonanceTest, only_so_many_threads_of_work_are_remembered) {
    for (std::size_t i = 0; i <= ResonanceTracker::kThreadsMax; ++i) {
        run("t" + std::to_string(i), 3, call::Access::Read, 1);
    }
    EXPECT_EQ(tracker_.chain("t0"), 0U);
    EXPECT_EQ(tracker_.chain("t" + std::to_string(ResonanceTracker::kThreadsMax)), 1U);
}

}  // namespace
}  // namespace resonant::dispatch
