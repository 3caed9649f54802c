#include "resonant/net/age_lists.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace resonant::net {
namespace {

TEST(AgeLists, the_oldest_of_a_kind_is_the_one_whose_time_began_first) {
    AgeLists<2> ages;
    const auto first = ages.add(1, 0, 10);
    ages.add(2, 0, 20);
    ages.add(3, 1, 30);
    EXPECT_EQ(ages.oldest(0)->id, 1u);
    ages.start(first, 0, 40);
    EXPECT_EQ(ages.oldest(0)->id, 2u) << "the other one's time began anew";
    ages.start(first, 1, 50);
    EXPECT_EQ(ages.oldest(1)->id, 3u);
    EXPECT_EQ(ages.size(0), 1u);
    EXPECT_EQ(ages.size(1), 2u);
}

TEST(AgeLists, random_operations_agree_with_a_search_through_everything) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 dice(seed);
    AgeLists<3> ages;
    std::map<std::uint64_t, AgeLists<3>::Place> places;
    std::map<std::uint64_t, std::pair<std::size_t, std::int64_t>> twin;
    for (std::int64_t now = 1; now < 5'000; ++now) {
        const std::uint64_t id = dice() % 40;
        const std::size_t kind = dice() % 3;
        if (!places.contains(id)) {
            places.emplace(id, ages.add(id, kind, now));
            twin[id] = {kind, now};
        } else if (dice() % 4 == 0) {
            ages.remove(places.at(id));
            places.erase(id);
            twin.erase(id);
        } else {
            ages.start(places.at(id), kind, now);
            twin[id] = {kind, now};
        }
        for (std::size_t of = 0; of < 3; ++of) {
            std::pair<std::int64_t, std::uint64_t> least{INT64_MAX, 0};
            for (const auto& [other, entry] : twin) {
                least = entry.first == of ? std::min(least, std::pair(entry.second, other)) : least;
            }
            const auto* const oldest = ages.oldest(of);
            ASSERT_EQ(oldest == nullptr, least.first == INT64_MAX);
            ASSERT_TRUE(oldest == nullptr || oldest->id == least.second);
        }
    }
}

}  // namespace
}  // namespace resonant::net
