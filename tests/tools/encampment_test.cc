#include <gtest/gtest.h>

#include "tests/support/world.h"

namespace resonant::tools {
namespace {

TEST(Encampment, a_published_event_is_read_by_whoever_listens_with_nothing_lost) {
    test::World world;
    const std::string since = world.ask("event.tail", {{"limit", 100}})["next"];
    world.ask("event.publish", {{"type", "harvest_done"}, {"confidence", 0.5}});
    const Json tail = world.ask("event.tail", {{"since", since}, {"types", {"harvest_done"}}});
    ASSERT_EQ(tail["count"], 1) << tail.dump();
    EXPECT_EQ(tail["events"][0]["type"], "harvest_done");
    EXPECT_EQ(tail["lost"], 0);
}

TEST(Encampment, a_reader_that_comes_too_late_is_told_exactly_how_many_it_lost) {
    test::World world;
    auto& ring = world.parts().plane->ring();
    const std::uint64_t start = ring.head();
    constexpr std::uint64_t kMany = ring::kSlots + 1000;
    for (std::uint64_t i = 0; i < kMany; ++i) {
        ring.publish(ring::Event{.type = ring::EventType::MemoryAccessed});
    }
    const Json tail = world.ask("event.tail", {{"since", std::to_string(ring.epoch()) + ":" + std::to_string(start)},
                                               {"limit", 1}});
    ASSERT_EQ(tail["count"], 1);
    EXPECT_EQ(tail["lost"].get<std::uint64_t>(), tail["events"][0]["position"].get<std::uint64_t>() - start);
    EXPECT_GE(tail["lost"].get<std::uint64_t>(), 1000U);
}

TEST(Encampment, without_a_place_to_start_the_newest_events_are_shown_and_nothing_before_is_lost) {
    test::World world;
    for (int i = 0; i < 9; ++i) {
        world.ask("event.publish", {{"type", "step_" + std::to_string(i)}});
    }
    const Json newest = world.ask("event.tail", {{"limit", 3}, {"types", {"step_6", "step_7", "step_8", "step_2"}}});
    ASSERT_EQ(newest["count"], 3) << newest.dump();
    EXPECT_EQ(newest["events"][0]["type"], "step_6");
    EXPECT_EQ(newest["events"][2]["type"], "step_8");
    EXPECT_EQ(newest["lost"], 0);
    EXPECT_EQ(world.ask("event.tail", {{"limit", 4}})["count"], 4);
}

TEST(Encampment, the_numbers_of_an_event_have_names) {
    test::World world;
    world.ask("memory.add", {{"content", "a named thing"}});
    const Json tail = world.ask("event.tail", {{"types", {"tool_completed", "memory_created"}}});
    ASSERT_GE(tail["count"], 2) << tail.dump();
    bool called = false, stored = false;
    for (const Json& event : tail["events"]) {
        ASSERT_TRUE(event["data"].is_object()) << event.dump();
        called = called || (event.value("tool", "") == "memory.add" && event["data"].contains("took_ms"));
        stored = stored || event["data"].value("memory", "").starts_with("m");
    }
    EXPECT_TRUE(called && stored) << tail.dump();
}

TEST(Encampment, an_event_named_as_a_user_field_carries_its_value_to_the_board) {
    test::World world;
    board::StateBoard& board = world.parts().plane->board();
    ASSERT_TRUE(board.register_field("alone", "jobs"));
    ASSERT_TRUE(board.register_field("depth", "jobs", {.kind = board::Kind::U64, .group = "queue"}));
    ASSERT_TRUE(board.register_field("oldest", "s", {.kind = board::Kind::F64, .group = "queue"}));
    const std::string since = world.ask("event.tail", {{"limit", 100}})["next"];
    world.ask("event.publish", {{"type", "user.alone"}, {"payload", {{"value", 12}}}});
    world.ask("event.publish", {{"type", "user.queue"}, {"payload", {{"depth", 3}, {"oldest", 0.5}}}});
    EXPECT_EQ(world.ask("board.read", {{"field", "user.alone"}})["value"], 12);
    const Json all = world.ask("board.read");
    EXPECT_EQ(all["user"]["user.depth"], 3);
    EXPECT_EQ(all["user"]["user.oldest"], 0.5);
    EXPECT_EQ(world.ask("event.tail", {{"since", since}, {"types", {"board_field_changed"}}})["count"], 3);

    world.ask("event.publish", {{"type", "alone"}, {"payload", {{"value", 13}}}});
    world.ask("event.publish", {{"type", "user.depth"}, {"payload", {{"value", 4}}}});
    world.ask("event.publish", {{"type", "queue"}, {"payload", {{"depth", 3}}}});
    EXPECT_EQ(world.ask("board.read", {{"field", "alone"}})["value"], 13) << "its name without user. is its name, too";
    EXPECT_EQ(world.ask("board.read", {{"field", "alone"}})["unit"], "jobs");
    EXPECT_EQ(world.error("event.publish", {{"type", "error_rate"}, {"payload", {{"value", 0}}}}), "permission_denied")
        << "what looks like a field that the kernel measures is not taken for an event";
    EXPECT_EQ(world.error("event.publish", {{"type", "user.alone"}}), "invalid_argument");
    EXPECT_EQ(world.error("event.publish", {{"type", "user.alone"}, {"payload", {{"value", "many"}}}}), "invalid_argument");
    EXPECT_EQ(world.error("event.publish", {{"type", "user.nothing"}, {"payload", {{"value", 1}}}}), "not_found");
    EXPECT_EQ(world.error("event.publish", {{"type", "user.queue"}, {"payload", {{"depth", 9}, {"error_rate", 0}}}}), "not_found");
    EXPECT_EQ(world.ask("board.read", {{"field", "user.depth"}})["value"], 3) << "all or none";
    EXPECT_EQ(world.error("event.publish", {{"type", "user.error_rate"}, {"payload", {{"value", 0}}}}), "not_found") << "no built-in field can be set so";
}

TEST(Encampment, waiting_for_an_event_ends_when_the_time_is_over) {
    test::World world;
    const std::string since = world.ask("event.tail")["next"];
    const Json tail = world.ask("event.tail", {{"since", since}, {"types", {"never_published"}}, {"wait_s", 0.05}});
    EXPECT_EQ(tail["count"], 0);
}

TEST(Encampment, statistics_count_what_was_published) {
    test::World world;
    const auto before = world.ask("event.stats")["published"].get<std::uint64_t>();
    world.ask("event.publish", {{"type", "one"}});
    EXPECT_GE(world.ask("event.stats")["published"].get<std::uint64_t>(), before + 3);
}

TEST(Encampment, a_sequence_that_is_none_is_refused_with_an_example) {
    test::World world;
    EXPECT_EQ(world.error("event.tail", {{"since", "yesterday"}}), "invalid_argument");
}

}  // namespace
}  // namespace resonant::tools
