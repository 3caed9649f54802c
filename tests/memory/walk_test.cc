// A walk meets what a filter lets through once, in the order of ids, whatever the pages.
#include "resonant/memory/walk.h"

#include <random>

#include "tests/memory/sea_fixture.h"

namespace resonant::memory {
namespace {

class WalkTest : public SeaTest {
  protected:
    static std::vector<MemoryId> rest(Walk& walk, std::size_t count) {
        std::vector<MemoryId> met;
        for (;;) {
            const auto page = walk.next(count);
            EXPECT_TRUE(page.has_value()) << page.error().message;
            EXPECT_LE(page->size(), count);
            if (page->empty()) {
                return met;
            }
            for (const Memory& memory : *page) {
                met.push_back(memory.id);
            }
            EXPECT_EQ(walk.after(), met.back());
        }
    }
};

TEST_F(WalkTest, an_empty_store_has_no_page) {
    Walk walk(*database_, {}, "", "ann");
    EXPECT_TRUE(walk.next(10)->empty());
}

TEST_F(WalkTest, what_is_added_meanwhile_is_not_met_and_what_is_erased_is_missing) {
    for (int i = 0; i < 6; ++i) {
        add("heron " + std::to_string(i));
    }
    Walk walk(*database_, {}, "", "ann");
    EXPECT_EQ(walk.next(2)->size(), 2U);
    add("heron that comes late");
    ASSERT_TRUE(sea_->erase(4, "gone", "ann").has_value());
    EXPECT_EQ(rest(walk, 2), (std::vector<MemoryId>{3, 5, 6}));
}

TEST_F(WalkTest, a_page_ends_by_its_bytes_too) {
    for (int i = 0; i < 10; ++i) {
        add(std::to_string(i) + std::string(900'000, 'x'));
    }
    Walk walk(*database_, {}, "", "ann");
    const std::size_t first = walk.next(100)->size();
    EXPECT_GE(first * 900'000, kWalkBytes);
    EXPECT_LT((first - 1) * 900'000, kWalkBytes);
    EXPECT_EQ(rest(walk, 100).size(), 10 - first);
}

TEST_F(WalkTest, pages_of_any_size_make_the_whole_that_the_filter_lets_through) {
    const std::uint64_t seed = std::random_device()();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto one_in = [&](std::uint64_t n) { return random() % n == 0; };
    std::vector<Memory> all;
    for (int i = 0; i < 120; ++i) {
        Memory memory;
        memory.galaxy = one_in(3) ? "other" : "default";
        memory.owner = one_in(4) ? "bob" : "ann";
        memory.is_private = one_in(3);
        memory.tags = one_in(2) ? std::vector<std::string>{"bird"} : std::vector<std::string>{};
        memory.content = std::string(one_in(2) ? "heron " : "osprey ") + std::to_string(i);
        memory.id = add(memory.content, memory);
        all.push_back(memory);
    }
    for (int round = 0; round < 12; ++round) {
        Filter filter;
        filter.galaxy = one_in(3) ? "" : one_in(2) ? "other" : "default";
        filter.include_private = one_in(2);
        filter.tags = one_in(2) ? std::vector<std::string>{"bird"} : std::vector<std::string>{};
        const std::string query = one_in(2) ? "heron" : one_in(2) ? "?!" : "";
        const MemoryId after = one_in(2) ? random() % 130 : 0;
        std::vector<MemoryId> wanted;
        for (const Memory& memory : all) {
            if (memory.id > after && (filter.galaxy.empty() || memory.galaxy == filter.galaxy) &&
                (!memory.is_private || (filter.include_private && memory.owner == "ann")) &&
                (filter.tags.empty() || !memory.tags.empty()) &&
                (query != "heron" || memory.content.starts_with("heron"))) {
                wanted.push_back(memory.id);
            }
        }
        Walk walk(*database_, filter, query, "ann", after);
        EXPECT_EQ(rest(walk, 1 + random() % 20), wanted);
    }
}

}  // namespace
}  // namespace resonant::memory
