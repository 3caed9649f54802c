// Lost wakes, with the naps taken away that would hide them: whoever sleeps is woken by what it sleeps for.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>

#include "tests/support/world.h"

namespace resonant::tools {
namespace {

constexpr double kPatience = 30;  // seconds of each wait: only a lost wake takes so long

class WakeTest : public testing::Test {
  protected:
    WakeTest() { world_.parts().plane->set_nap(from_seconds(3600)); }

    // The answer of a waiting call, while `cause` happens. A wake that is lost ends it by its own time limit.
    Json woken(const std::string& tool, const Json& arguments, const std::function<void()>& cause) {
        const auto began = std::chrono::steady_clock::now();
        std::future<Json> answer = std::async(std::launch::async, [&] { return world_.ask(tool, arguments); });
        cause();
        Json given = answer.get();
        EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::duration<double>(kPatience - 1))
            << tool << " was not woken: " << given.dump();
        return given;
    }
    double field(board::Field which) { return world_.parts().plane->board().view().field(which); }

    test::World world_;
};

TEST_F(WakeTest, a_call_wakes_who_watches_what_it_changes) {
    for (int round = 0; round < 50; ++round) {
        const double before = field(board::Field::CallsPerMinute);
        const Json answer = woken("board.watch",
                                  {{"field", "calls_per_minute"}, {"above", before + 0.1}, {"timeout_s", kPatience}},
                                  [&] { world_.ask("health.check"); });
        EXPECT_EQ(answer["crossed"], true) << answer.dump();
    }
}

TEST_F(WakeTest, a_failure_wakes_who_watches_the_error_rate) {
    const Json answer = woken("board.watch", {{"field", "error_rate"}, {"above", 0.3}, {"timeout_s", kPatience}}, [&] {
        for (int i = 0; i < 8; ++i) {
            world_.error("memory.history", {{"id", "m999999"}});
        }
    });
    EXPECT_EQ(answer["crossed"], true) << answer.dump();
}

TEST_F(WakeTest, a_field_that_changes_a_thousand_times_a_second_still_wakes) {
    plane::KernelPlane& plane = *world_.parts().plane;
    const auto depth = plane.board().register_field("depth", "jobs");
    ASSERT_TRUE(depth.has_value());
    constexpr int kChanges = 20'000;  // many more than events that are dampened
    const Json answer = woken("board.watch", {{"field", "user.depth"}, {"above", kChanges - 1}, {"timeout_s", kPatience}}, [&] {
        for (int i = 0; i <= kChanges; ++i) {
            plane.set_field(*depth, i, "test");
        }
    });
    EXPECT_EQ(answer["crossed"], true) << answer.dump();
}

TEST_F(WakeTest, an_answer_wakes_who_asked_for_consent) {
    for (const bool yes : {true, false}) {
        const Json answer = woken("consent.request", {{"action", "sandbox.run"}, {"reason", "a test"}, {"wait_s", kPatience}}, [&] {
            std::string id;
            while (id.empty()) {
                const Json waiting = world_.ask("consent.verify", Json::object(), call::Role::Owner, "owner");
                for (const Json& each : waiting["consents"]) {
                    id = each["state"] == "waiting" ? each["consent_id"].get<std::string>() : id;
                }
            }
            yes ? world_.ask("consent.grant", {{"scope", "sandbox.run"}, {"to", "ada"}, {"ttl_s", 60}, {"request_id", id}},
                             call::Role::Owner, "owner")
                : world_.ask("consent.revoke", {{"consent_id", id}}, call::Role::Owner, "owner");
        });
        EXPECT_EQ(answer["state"], yes ? "granted" : "revoked") << answer.dump();
        if (yes) {
            world_.ask("consent.revoke", {{"consent_id", answer["consent_id"]}}, call::Role::Owner, "owner");
        }
    }
}

TEST_F(WakeTest, a_request_for_consent_that_expires_ends_its_wait) {
    const Json answer = woken("consent.request",
                              {{"action", "sandbox.run"}, {"reason", "a test"}, {"ttl_s", 1}, {"wait_s", kPatience}}, [] {});
    EXPECT_EQ(answer["state"], "expired") << answer.dump();
}

TEST_F(WakeTest, a_crossing_wakes_the_scheduler_and_who_waits_for_escalations) {
    world_.parts().scheduler->start();
    world_.ask("monitor.spawn", {{"field", "error_rate"}, {"above", 0.3}});
    const Json answer = woken("reasoner.next", {{"wait_s", kPatience}}, [&] {
        for (int i = 0; i < 8; ++i) {
            world_.error("memory.history", {{"id", "m999999"}});
        }
    });
    EXPECT_TRUE(answer["reasoner_id"].is_string()) << answer.dump();
}

TEST_F(WakeTest, an_event_wakes_who_waits_for_it) {
    const std::string since = world_.ask("event.tail")["next"];
    const Json answer = woken("event.tail", {{"since", since}, {"types", {"build.finished"}}, {"wait_s", kPatience}},
                              [&] { world_.ask("event.publish", {{"type", "build.finished"}}); });
    EXPECT_EQ(answer["count"], 1) << answer.dump();
}

// A window that closes changes the board without any call.
TEST_F(WakeTest, numbers_that_change_by_themselves_come_with_an_event) {
    plane::KernelPlane& plane = *world_.parts().plane;
    plane.board().set(board::Field::ErrorRate, 0.9);
    ring::Subscription news = plane.subscribe();
    world_.parts().dispatcher->refresh();
    EXPECT_EQ(field(board::Field::ErrorRate), 0);
    ring::Event event;
    bool told = false;
    while (news.poll(event) == ring::Poll::Got) {
        told = told || (event.type == ring::EventType::BoardFieldChanged &&
                        event.data[0] == static_cast<std::uint64_t>(board::Field::ErrorRate));
    }
    EXPECT_TRUE(told);
}

// Read from the ring, event by event: what an event is about stands on the board when it comes.
TEST_F(WakeTest, no_event_comes_before_what_it_is_about) {
    plane::KernelPlane& plane = *world_.parts().plane;
    ring::Subscription news = plane.subscribe();
    std::atomic<bool> over{false};
    std::future<void> calls = std::async(std::launch::async, [&] {
        for (int i = 0; i < 300; ++i) {
            world_.error("memory.history", {{"id", "m999999"}});
        }
        over = true;
    });
    std::uint64_t failures = 0, early = 0;
    ring::Event event;
    while (!over || news.has_news()) {
        while (news.poll(event) == ring::Poll::Got) {
            failures += event.type == ring::EventType::ErrorOccurred ? 1 : 0;
            const double calls_seen = field(board::Field::CallsPerMinute) * 5;
            early += event.type == ring::EventType::ErrorOccurred && calls_seen + 0.5 < static_cast<double>(failures) ? 1 : 0;
        }
    }
    calls.get();
    EXPECT_EQ(failures, 300U);
    EXPECT_EQ(early, 0U) << "events that came before the board was written";
}

}  // namespace
}  // namespace resonant::tools
