#include <gtest/gtest.h>

#include "tests/support/world.h"

namespace resonant::tools {
namespace {

// Lets errors rise on the board and waits until the scheduler has looked.
void let_errors_rise(test::World& world) {
    world.parts().plane->set_field(board::Field::ErrorRate, 0.8, "test");
    world.parts().scheduler->cycle();
}

TEST(Ox, ten_thousand_watchers_sleep_for_less_than_a_kilobyte_each) {
    test::World world;
    const Json spawned = world.ask("monitor.spawn", {{"field", "error_rate"}, {"above", 0.5}, {"spread", 0.1},
                                                     {"count", 10'000}});
    EXPECT_EQ(spawned["count"], 10'000);
    EXPECT_LT(spawned["bytes_each"].get<double>(), 1024.0);
    EXPECT_EQ(world.ask("swarm.status")["watchers"]["count"], 10'000);
}

TEST(Ox, a_crossing_escalates_to_a_reasoner_who_takes_and_resolves_it) {
    test::World world;
    world.remember("when calls fail, look at the sandbox first");
    world.ask("monitor.spawn", {{"field", "error_rate"}, {"above", 0.5}, {"payload", {{"goal", "find out why calls fail"}}}});
    let_errors_rise(world);
    const Json taken = world.ask("reasoner.next", {{"wait_s", 5}});
    ASSERT_TRUE(taken.contains("reasoner_id")) << taken.dump();
    EXPECT_NE(taken.dump().find("find out why calls fail"), std::string::npos);
    EXPECT_LE(json::dump(taken).size(), 100'000U);
    const Json resolved = world.ask("reasoner.resolve", {{"reasoner_id", taken["reasoner_id"]}, {"outcome", "dismiss"},
                                                         {"note", "a test"}});
    EXPECT_NE(resolved.dump().find("dismiss"), std::string::npos) << resolved.dump();
    EXPECT_EQ(world.error("reasoner.resolve", {{"reasoner_id", taken["reasoner_id"]}, {"outcome", "sleep"}}), "not_found");
    EXPECT_FALSE(world.ask("karma.trace", {{"tool", "reasoner.resolve"}})["entries"].empty());
}

TEST(Ox, a_plan_is_carried_out_through_the_one_door_and_governed) {
    test::World world;
    world.ask("monitor.spawn", {{"field", "error_rate"}, {"above", 0.5}});
    let_errors_rise(world);
    const Json taken = world.ask("reasoner.next", {{"wait_s", 5}});
    const Json plan = {{{"tool", "memory.add"}, {"arguments", {{"content", "errors rose at noon"}}}},
                       {{"tool", "dharma.reload"}, {"arguments", Json::object()}}};
    const Json resolved = world.ask("reasoner.resolve", {{"reasoner_id", taken["reasoner_id"]}, {"outcome", "execute"},
                                                         {"plan", plan}});
    EXPECT_NE(resolved.dump().find("permission_denied"), std::string::npos) << "the owner's tool is refused: " << resolved.dump();
    EXPECT_EQ(world.ask("memory.search", {{"query", "noon"}})["count"], 1) << "the allowed step was done";
}

TEST(Ox, an_execution_shows_its_steps_to_its_own_agent_and_to_who_steers) {
    test::World world;
    world.ask("monitor.spawn", {{"field", "error_rate"}, {"above", 0.5}});
    let_errors_rise(world);
    const Json taken = world.ask("reasoner.next", {{"wait_s", 5}});
    const Json resolved = world.ask("reasoner.resolve",
                                    {{"reasoner_id", taken["reasoner_id"]}, {"outcome", "execute"},
                                     {"plan", {{{"tool", "memory.add"}, {"arguments", {{"content", "errors rose"}}}}}}});
    ASSERT_TRUE(resolved["execution"].contains("executor_id")) << resolved.dump();
    const Json which = {{"executor_id", resolved["execution"]["executor_id"]}};
    const Json mine = world.ask("executor.status", which);
    EXPECT_NE(mine.dump().find("memory.add"), std::string::npos) << mine.dump();
    EXPECT_EQ(world.error("executor.status", which, call::Role::Agent, "mallory"), "not_found");
    EXPECT_EQ(world.ask("executor.status", which, call::Role::Coordinator, "eve"), mine);
    EXPECT_EQ(world.ask("executor.status")["count"], 1);
}

TEST(Ox, a_watcher_that_would_wake_when_things_go_well_is_told_so) {
    test::World world;
    EXPECT_TRUE(world.ask("monitor.spawn", {{"field", "error_rate"}, {"below", 0.3}}).contains("note"));
    EXPECT_TRUE(world.ask("monitor.spawn", {{"field", "reliability"}, {"above", 0.3}}).contains("note"));
    EXPECT_FALSE(world.ask("monitor.spawn", {{"field", "reliability"}, {"below", 0.3}}).contains("note"));
    EXPECT_FALSE(world.ask("monitor.spawn", {{"field", "calls_per_minute"}, {"above", 300}}).contains("note"));
}

TEST(Ox, nobody_to_reason_about_is_an_empty_answer_after_the_wait) {
    test::World world;
    EXPECT_TRUE(world.ask("reasoner.next", {{"wait_s", 0.05}})["reasoner_id"].is_null());
}

TEST(Ox, a_stopped_group_wakes_no_more) {
    test::World world;
    const Json spawned = world.ask("monitor.spawn", {{"field", "error_rate"}, {"above", 0.5}});
    world.ask("monitor.stop", {{"group", spawned["group"]}});
    let_errors_rise(world);
    EXPECT_TRUE(world.ask("reasoner.next", {{"wait_s", 0.05}})["reasoner_id"].is_null());
    EXPECT_EQ(world.ask("monitor.list")["watchers"], 0);
    EXPECT_EQ(world.error("monitor.spawn", {{"field", "no_such_field"}, {"below", 1}}), "not_found");
}

}  // namespace
}  // namespace resonant::tools
