#include <gmock/gmock.h>

#include "tests/support/world.h"

namespace resonant::tools {
namespace {

using call::Role;

TEST(Abundance, serendipity_surfaces_what_matters_and_heeds_feedback) {
    test::World world;
    const std::string grave = world.remember("it mattered once", {{"importance", 0.9}});
    const std::string slight = world.remember("a trifle", {{"importance", 0.3}});
    world.ask("dream.run_phase", {{"phase", "surface"}}, Role::Coordinator);
    const Json first = world.ask("serendipity.surface", {{"count", 1}});
    // The important one lies in the inner rim: it needs no second look.
    ASSERT_EQ(first["count"], 1) << first.dump();
    EXPECT_EQ(first["memories"][0]["id"], slight);
    EXPECT_EQ(world.ask("serendipity.mark", {{"id", slight}, {"useful", false}})["marked"], "useless");
    EXPECT_EQ(world.ask("serendipity.surface")["count"], 0);
    EXPECT_EQ(world.error("serendipity.mark", {{"id", "m99"}}), "not_found");
    EXPECT_EQ(world.ask("serendipity.mark", {{"id", grave}})["marked"], "useful");
}

TEST(Abundance, what_was_called_useless_is_surfaced_again_after_thirty_days) {
    test::World world;
    const std::string slight = world.remember("a trifle", {{"importance", 0.3}});
    world.ask("dream.run_phase", {{"phase", "surface"}}, Role::Coordinator);
    world.ask("serendipity.mark", {{"id", slight}, {"useful", false}});
    EXPECT_EQ(world.ask("serendipity.surface")["count"], 0);
    const Status older = world.parts().database->write([](sql::Connection& connection) {
        return connection.run("UPDATE memory_marks SET at_ns = at_ns - 31 * 86400 * 1000000000");
    });
    ASSERT_TRUE(older) << older.error().message;
    world.ask("dream.run_phase", {{"phase", "surface"}}, Role::Coordinator);
    EXPECT_EQ(world.ask("serendipity.surface")["count"], 1);
}

TEST(Abundance, what_was_archived_since_the_batch_was_made_is_not_surfaced) {
    test::World world;
    const std::string slight = world.remember("a trifle", {{"importance", 0.3}});
    world.ask("dream.run_phase", {{"phase", "surface"}}, Role::Coordinator);
    ASSERT_EQ(world.ask("serendipity.surface")["count"], 1);
    world.ask("memory.archive", {{"id", slight}});
    EXPECT_EQ(world.ask("serendipity.surface")["count"], 0);
}

TEST(Abundance, dreaming_is_started_shown_and_stopped_by_who_steers) {
    test::World world;
    EXPECT_EQ(world.error("dream.start", {}, Role::Agent), "permission_denied");
    EXPECT_EQ(world.error("dream.start", {{"idle_s", 0.1}}, Role::Coordinator), "invalid_argument");
    world.ask("dream.start", {{"idle_s", 5}, {"phase_s", 5}}, Role::Coordinator);
    EXPECT_EQ(world.ask("dream.status")["dreaming"], true);
    world.restart();
    EXPECT_EQ(world.ask("dream.status")["dreaming"], true) << "kept over a restart";
    world.ask("dream.stop", {}, Role::Coordinator);
    EXPECT_EQ(world.ask("dream.status")["dreaming"], false);
}

TEST(Abundance, a_phase_reports_what_it_changed_and_status_keeps_it) {
    test::World world;
    world.remember("fresh");
    const Json dry = world.ask("dream.run_phase", {{"phase", "decay"}, {"dry_run", true}}, Role::Coordinator);
    EXPECT_EQ(dry["dry_run"], true);
    EXPECT_EQ(world.ask("dream.status")["last"].size(), 0U);
    const Json report = world.ask("dream.run_phase", {{"phase", "decay"}}, Role::Coordinator);
    EXPECT_EQ(report["rescored"], 1);
    EXPECT_EQ(world.ask("dream.status")["last"]["decay"]["rescored"], 1);
    EXPECT_FALSE(world.ask("karma.trace", {{"tool", "dream.run_phase"}})["entries"].empty());
}

TEST(Abundance, engines_tell_what_they_watch_and_their_newest_batch) {
    test::World world;
    const std::string id = world.remember("seen by galactic");
    const Json output = world.ask("engine.output", {{"engine", "galactic"}});
    EXPECT_EQ(output["rows"], 1);
    EXPECT_EQ(output["columns"][0], "memory_id");
    EXPECT_EQ(output["values"][0][0], id.substr(1));
    const Json list = world.ask("engine.list");
    EXPECT_EQ(list["count"], 2) << "engines that are built";
    EXPECT_NE(list["engines"].dump().find("galactic"), std::string::npos);
    EXPECT_EQ(world.error("engine.output", {{"engine", "narrative"}}), "unimplemented");
    EXPECT_EQ(world.error("engine.output", {{"engine", "nonsense"}}), "not_found");
    EXPECT_EQ(world.ask("datasea.status")["engines"][0]["engine"], "galactic");
}

}  // namespace
}  // namespace resonant::tools
