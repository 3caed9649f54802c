// A group's two copies and their flip through every interleaving and every stale value: 2 words, a
// writer that may die anywhere, one reader.
#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "resonant/shm/two_copy.h"
#include "tests/support/explorer.h"
#include "tests/support/interrupt.h"

namespace resonant::shm {
namespace {

using test::Explorer;
using Tiny = TwoCopy<2, test::Checked>;

// What the reader saw, in order; nothing where it would have tried again.
struct World {
    Tiny group;
    std::optional<Tiny::Group> seen[2];
};

class ExploreTwoCopy : public ::testing::Test {
  protected:
    void SetUp() override {
        if (test::kSanitized) {
            GTEST_SKIP() << "fibres are unknown to the sanitizers";
        }
    }
    // `writes` writes of (i, i) beside a reader that looks twice; `check` is asked at each end.
    void explore(std::uint64_t writes, const std::function<void(const World&)>& check) {
        const Explorer::Counts counts = Explorer::explore(
            [this, writes] {
                world_ = std::make_unique<World>();
                return std::vector<Explorer::Thread>{
                    {[this, writes] {
                         for (std::uint64_t i = 1; i <= writes; ++i) {
                             world_->group.write({i, i});
                         }
                     },
                     true},
                    {[this] {
                        for (auto& seen : world_->seen) {
                            Tiny::Group group;
                            if (world_->group.try_read(group)) {
                                seen = group;
                            }
                        }
                    }}};
            },
            [this, &check] { check(*world_); });
        EXPECT_GT(counts.runs, 100U);
        EXPECT_EQ(counts.cut, 0U);
    }
    std::unique_ptr<World> world_;
};

TEST_F(ExploreTwoCopy, reader_beside_one_write_always_gets_a_whole_group_at_once) {
    explore(1, [](const World& world) {
        for (const auto& seen : world.seen) {
            ASSERT_TRUE(seen) << "one write never makes a reader try again";
            EXPECT_EQ((*seen)[0], (*seen)[1]);
        }
        EXPECT_LE((*world.seen[0])[0], (*world.seen[1])[0]) << "never an older group again";
    });
}

TEST_F(ExploreTwoCopy, reader_that_is_lapped_by_a_writer_that_dies_anywhere_never_gets_a_torn_group) {
    bool lapped = false;
    std::uint64_t newest = 0;
    explore(3, [&](const World& world) {
        for (const auto& seen : world.seen) {
            lapped |= !seen;
            if (seen) {
                EXPECT_EQ((*seen)[0], (*seen)[1]);
                newest = std::max(newest, (*seen)[0]);
            }
        }
        Tiny::Group left;
        ASSERT_TRUE(world.group.try_read(left)) << "a dead writer leaves a whole group";
        EXPECT_EQ(left[0], left[1]);
    });
    EXPECT_TRUE(lapped) << "the exploration reaches the case at all";
    EXPECT_EQ(newest, 3U);
}

}  // namespace
}  // namespace resonant::shm
