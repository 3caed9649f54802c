#include "resonant/memory/retention.h"

#include <gtest/gtest.h>

namespace resonant::memory {
namespace {

constexpr std::int64_t kDayNs = 86'400'000'000'000;

TEST(Retention, a_fresh_memory_of_middling_importance_lies_in_the_mid_band) {
    EXPECT_DOUBLE_EQ(retention({.importance = 0.5}), 0.5);
    EXPECT_EQ(zone_at(distance_of({.importance = 0.5})), Zone::MidBand);
}

TEST(Retention, recency_halves_every_thirty_days) {
    const double fresh = retention({.importance = 0});
    EXPECT_DOUBLE_EQ(retention({.importance = 0, .unused_ns = 30 * kDayNs}), fresh / 2);
    EXPECT_DOUBLE_EQ(retention({.importance = 0, .unused_ns = 60 * kDayNs}), fresh / 4);
}

TEST(Retention, each_part_draws_inward_and_has_its_limit) {
    const Worth plain{.importance = 0.2, .unused_ns = 90 * kDayNs};
    Worth read = plain;
    read.recalls = 20;
    Worth linked = plain;
    linked.link_weights = 5;
    EXPECT_NEAR(retention(read) - retention(plain), 0.20, 1e-12);
    EXPECT_NEAR(retention(linked) - retention(plain), 0.10, 1e-12);
    read.recalls = 4'000'000;
    linked.link_weights = 1e9;
    EXPECT_NEAR(retention(read) - retention(plain), 0.20, 1e-12);
    EXPECT_NEAR(retention(linked) - retention(plain), 0.10, 1e-12);
    EXPECT_DOUBLE_EQ(retention({.importance = 1, .recalls = 20, .link_weights = 5}), 1);
}

TEST(Retention, protection_is_the_core_and_a_clock_that_went_back_does_no_harm) {
    EXPECT_EQ(distance_of({.importance = 0, .unused_ns = 9000 * kDayNs, .is_protected = true}), 0);
    EXPECT_DOUBLE_EQ(retention({.importance = 0.5, .unused_ns = -kDayNs}), 0.5);
}

TEST(Retention, zones_begin_where_the_table_says) {
    EXPECT_EQ(zone_at(0), Zone::Core);
    EXPECT_EQ(zone_at(0.1499), Zone::Core);
    EXPECT_EQ(zone_at(0.15), Zone::InnerRim);
    EXPECT_EQ(zone_at(0.40), Zone::MidBand);
    EXPECT_EQ(zone_at(0.65), Zone::OuterRim);
    EXPECT_EQ(zone_at(0.85), Zone::FarEdge);
    EXPECT_EQ(zone_at(1), Zone::FarEdge);
    for (std::size_t i = 0; i < kZones; ++i) {
        const auto zone = static_cast<Zone>(i);
        EXPECT_EQ(zone_at(ring_of(zone).from), zone);
        EXPECT_EQ(find_zone(name_of(zone)), zone);
    }
    EXPECT_EQ(find_zone("middle"), std::nullopt);
}

TEST(MemoryId, only_its_own_spelling_is_an_id) {
    EXPECT_EQ(wire_id(42), "m42");
    EXPECT_EQ(parse_id("m42"), MemoryId{42});
    for (const char* wrong : {"", "m", "42", "m-1", "m042", "m0", "M42", "m42 ", "m4x", "m1e3",
                              "m9223372036854775808", "m99999999999999999999999"}) {
        EXPECT_EQ(parse_id(wrong), std::nullopt) << wrong;
    }
    EXPECT_EQ(parse_id("m9223372036854775807"), MemoryId{9223372036854775807U});
}

}  // namespace
}  // namespace resonant::memory
