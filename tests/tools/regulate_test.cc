// Families that tell how the system is and what it allows: dipper, mound, willow, star, hairy_head,
// straddling_legs, abundance.
#include <gtest/gtest.h>

#include "tests/support/world.h"

namespace resonant::tools {
namespace {

TEST(Dipper, maturity_says_what_is_locked_and_what_unlocks_it) {
    test::World world;
    const Json before = world.ask("maturity.assess");
    EXPECT_EQ(before["stage"], 3);
    EXPECT_NE(before["locked"].dump().find("lifecycle.sweep"), std::string::npos);
    for (int i = 0; i < 5; ++i) {
        world.remember("memory number " + std::to_string(i));
    }
    EXPECT_GE(world.ask("maturity.assess")["stage"].get<int>(), 4);
}

TEST(Dipper, a_second_agent_opens_the_stage_of_many) {
    test::World world;
    for (int i = 0; i < 5; ++i) {
        world.remember("memory number " + std::to_string(i));
    }
    EXPECT_EQ(world.ask("maturity.assess")["stage"], 4);
    EXPECT_EQ(world.ask("maturity.assess", Json::object(), call::Role::Agent, "grace")["stage"], 5);
}

TEST(Dipper, homeostasis_levels_follow_the_board) {
    test::World world;
    EXPECT_EQ(world.ask("homeostasis.status")["level"], "OBSERVE");
    world.parts().plane->board().set(board::Field::Reliability, 0.3);
    const Json status = world.ask("homeostasis.status");
    EXPECT_EQ(status["level"], "CORRECT") << status.dump();
}

TEST(Mound, the_board_is_read_by_field_and_whole) {
    test::World world;
    world.parts().plane->board().set(board::Field::Swiftness, 0.25);
    EXPECT_DOUBLE_EQ(world.ask("board.read", {{"field", "swiftness"}})["value"].get<double>(), 0.25);
    EXPECT_NE(world.ask("board.read").dump().find("swiftness"), std::string::npos);
    EXPECT_EQ(world.error("board.read", {{"field", "colour"}}), "not_found");
}

TEST(Mound, watching_ends_when_the_field_crosses_and_when_time_is_over) {
    test::World world;
    world.parts().plane->board().set(board::Field::ErrorRate, 0.9);
    EXPECT_EQ(world.ask("board.watch", {{"field", "error_rate"}, {"above", 0.5}, {"timeout_s", 5}})["crossed"], true);
    const Json late = world.ask("board.watch", {{"field", "error_rate"}, {"below", -1}, {"timeout_s", 0.05}});
    EXPECT_EQ(late["crossed"], false);
}

TEST(Mound, the_harmony_vector_holds_seven_numbers_and_their_weighted_mean) {
    test::World world;
    const Json vector = world.ask("harmony.vector");
    for (const char* field : {"balance", "headroom", "swiftness", "reliability", "dharma", "accord", "energy"}) {
        ASSERT_TRUE(vector.contains(field)) << field;
    }
    const double expected = 0.15 * vector["balance"].get<double>() + 0.10 * vector["headroom"].get<double>() +
                            0.15 * vector["swiftness"].get<double>() + 0.20 * vector["reliability"].get<double>() +
                            0.15 * vector["dharma"].get<double>() + 0.15 * vector["accord"].get<double>() +
                            0.10 * vector["energy"].get<double>();
    EXPECT_NEAR(vector["composite"].get<double>(), expected, 0.002);
}

TEST(Willow, budgets_fall_with_calls_and_breakers_are_shown) {
    test::World world;
    world.ask("health.check");
    const Json stats = world.ask("rate.stats");
    EXPECT_GE(stats["all"]["used"].get<int>(), 2) << stats.dump();
    EXPECT_EQ(stats["all"]["limit"], 1200);
    EXPECT_TRUE(world.ask("breaker.status")["tools"].empty());
    EXPECT_EQ(world.error("breaker.reset", {{"tool", "health.check"}}), "permission_denied");
    world.ask("breaker.reset", {{"tool", "health.check"}}, call::Role::Owner);
}

TEST(Star, rules_name_their_file_and_line_and_profiles_switch_for_the_owner_only) {
    test::World world;
    const Json rules = world.ask("dharma.rules");
    EXPECT_EQ(rules["profile"], "default");
    EXPECT_NE(rules["rules"][0]["where"].get<std::string>().find(".yaml:"), std::string::npos);
    EXPECT_EQ(world.error("dharma.set_profile", {{"profile", "secure"}}), "permission_denied");
    world.ask("dharma.set_profile", {{"profile", "secure"}}, call::Role::Owner);
    EXPECT_EQ(world.error("memory.add", {{"content", "not in profile secure"}}), "blocked");
    world.ask("dharma.set_profile", {{"profile", "default"}}, call::Role::Owner);
    world.remember("allowed again");
}

TEST(Star, commands_are_classified_by_what_they_do_and_not_by_how_they_sound) {
    test::World world;
    const auto class_of = [&](const char* command) {
        return world.ask("governor.classify", {{"command", command}})["class"].get<std::string>();
    };
    EXPECT_EQ(class_of("ls -l"), "safe");
    EXPECT_EQ(class_of("rm -r build"), "dangerous");
    EXPECT_EQ(class_of("rm -rf /"), "forbidden");
    EXPECT_EQ(class_of("echo harmony"), "safe");
}

TEST(HairyHead, the_trace_tells_why_a_call_was_denied_and_the_chain_verifies) {
    test::World world;
    EXPECT_EQ(world.error("sandbox.run", {{"command", {"rm", "-r", "x"}}}), "blocked");
    const Json trace = world.ask("karma.trace", {{"decision", "deny"}});
    ASSERT_EQ(trace["entries"].size(), 1U) << trace.dump();
    EXPECT_EQ(trace["entries"][0]["stage"], "rules");
    EXPECT_EQ(trace["entries"][0]["rule"], "dangerous_commands");
    EXPECT_EQ(world.ask("karma.verify")["ok"], true);
    EXPECT_NE(world.ask("karma.report").dump().find("ada"), std::string::npos);
}

TEST(StraddlingLegs, consent_is_asked_given_used_and_taken_back) {
    test::World world;
    const Json asked = world.ask("consent.request", {{"action", "sandbox.run"}, {"reason", "to clean"}});
    EXPECT_EQ(asked["state"], "waiting");
    EXPECT_EQ(world.error("consent.grant", {{"scope", "sandbox.run"}, {"to", "ada"}, {"ttl_s", 60},
                                            {"request_id", asked["consent_id"]}}),
              "permission_denied");
    world.ask("consent.grant", {{"scope", "sandbox.run"}, {"to", "ada"}, {"ttl_s", 60}, {"request_id", asked["consent_id"]}},
              call::Role::Owner);
    EXPECT_NE(world.ask("consent.verify", {{"action", "sandbox.run"}}).dump().find("granted"), std::string::npos);
    world.ask("consent.revoke", {{"consent_id", asked["consent_id"]}});
    EXPECT_EQ(world.ask("consent.verify").dump().find("granted"), std::string::npos);
}

TEST(StraddlingLegs, ethics_scores_an_action_and_names_the_boundary) {
    test::World world;
    EXPECT_EQ(world.ask("ethics.evaluate", {{"action", "rm -rf /"}})["verdict"], "block");
    EXPECT_NE(world.ask("ethics.evaluate", {{"action", "play in harmony"}})["verdict"], "block");
}

TEST(Star, a_sessions_budget_stops_it_and_only_the_owner_widens_it) {
    test::World world;
    const Json session = world.ask("session.start", {{"name", "a small errand"}})["session_id"];
    const Json goal = {{"goal", "tidy the lamp room"}, {"session_id", session}, {"budget", {{"writes", 2}}}};
    EXPECT_EQ(world.ask("governor.set_goal", goal)["budget"]["writes"], 2);
    Json wider = goal;
    wider["budget"]["writes"] = 20;
    EXPECT_EQ(world.error("governor.set_goal", wider), "permission_denied");
    std::string stopped;
    for (int i = 0; i < 4 && stopped.empty(); ++i) {
        const call::Reply reply = world.call("memory.add", {{"content", "wick " + std::to_string(i)}, {"session_id", session}});
        stopped = reply.denial ? reply.denial->stage : "";
    }
    EXPECT_EQ(stopped, "governor");
    EXPECT_EQ(world.ask("memory.search", {{"query", "wick"}})["count"], 2) << "two writes passed, the third did not";
    EXPECT_EQ(world.ask("governor.set_goal", wider, call::Role::Owner)["budget"]["writes"], 20);
    world.ask("memory.add", {{"content", "wick again"}, {"session_id", session}});
}

TEST(Star, drift_is_small_for_what_the_goal_names_and_whole_for_what_it_does_not) {
    test::World world;
    const Json session = world.ask("session.start", {{"name", "an errand"}})["session_id"];
    world.ask("governor.set_goal", {{"goal", "tidy the lamp room"}, {"session_id", session}});
    const Json near = world.ask("governor.check_drift", {{"action", "tidy lamp shelves"}, {"session_id", session}});
    const Json far = world.ask("governor.check_drift", {{"action", "buy fishing boats"}, {"session_id", session}});
    EXPECT_LT(near["drift"].get<double>(), 0.5) << near.dump();
    EXPECT_EQ(far["drift"].get<double>(), 1.0) << far.dump();
    EXPECT_EQ(world.error("governor.check_drift", {{"action", "tidy"}, {"session_id", "s999"}}), "not_found");
}

TEST(Girl, a_suspended_agent_is_denied_by_roles_until_the_owner_lifts_it) {
    test::World world;
    world.ask("agent.suspend", {{"agent", "ada"}, {"suspended", true}, {"reason", "a test"}}, call::Role::Coordinator, "eve");
    const call::Reply refused = world.call("memory.add", {{"content", "from behind bars"}});
    ASSERT_TRUE(refused.denial.has_value());
    EXPECT_EQ(refused.denial->stage, "roles");
    world.restart();
    EXPECT_TRUE(world.call("memory.add", {{"content", "still there?"}}).denial.has_value()) << "it holds over a restart";
    const Json lift = {{"agent", "ada"}, {"suspended", false}, {"reason", "enough"}};
    EXPECT_EQ(world.error("agent.suspend", lift, call::Role::Coordinator, "eve"), "permission_denied");
    world.ask("agent.suspend", lift, call::Role::Owner, "owner");
    world.remember("free again");
}

TEST(Abundance, a_sweep_is_the_coordinators_and_says_what_it_would_move) {
    test::World world;
    for (int i = 0; i < 5; ++i) {
        world.remember("memory number " + std::to_string(i));
    }
    ASSERT_GE(world.ask("maturity.assess")["stage"].get<int>(), 4);
    world.parts().plane->board().set_word(board::Field::MaturityStage, 4);  // as upkeep does each second
    EXPECT_EQ(world.error("lifecycle.sweep"), "permission_denied");
    const Json sweep = world.ask("lifecycle.sweep", {{"dry_run", true}}, call::Role::Coordinator);
    EXPECT_EQ(sweep["rescored"], 5) << sweep.dump();
    EXPECT_TRUE(world.ask("lifecycle.stats")["movements"].is_array());
}

}  // namespace
}  // namespace resonant::tools
