#include "resonant/dispatch/workers.h"

#include <gtest/gtest.h>

#include <future>

namespace resonant::dispatch {
namespace {

TEST(Workers, one_worker_keeps_the_order_of_posting) {
    std::vector<int> seen;
    Workers workers({.name = "writer", .threads_max = 1});
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(workers.post([&seen, i] { seen.push_back(i); }));
    }
    workers.close();
    ASSERT_EQ(seen.size(), 100U);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST(Workers, a_full_queue_refuses_and_says_so) {
    std::promise<void> gate;
    std::shared_future<void> open = gate.get_future().share();
    Workers workers({.name = "slow", .threads_max = 1, .queue_max = 2});
    std::promise<void> started;
    ASSERT_TRUE(workers.post([&started, open] {
        started.set_value();
        open.wait();
    }));
    started.get_future().wait();
    ASSERT_TRUE(workers.post([] {}));
    ASSERT_TRUE(workers.post([] {}));
    const Status refused = workers.post([] {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::ResourceExhausted);
    gate.set_value();
}

// Holds the only worker until it is opened.
struct Gate {
    explicit Gate(Workers& workers) {
        EXPECT_TRUE(workers.post([this] {
            started.set_value();
            open.get_future().wait();
        }));
        started.get_future().wait();
    }
    std::promise<void> started, open;
};

TEST(Workers, a_flood_gives_way_to_who_holds_less_and_is_told_when_to_come_again) {
    Workers workers({.name = "slow", .threads_max = 1, .queue_max = 2});
    Gate gate(workers);
    std::vector<std::string> seen;
    double retry = 0;
    for (const char* name : {"f0", "f1"}) {
        ASSERT_TRUE(workers.post({.run = [&seen, name] { seen.emplace_back(name); },
                                  .shed = [&](double after) { retry = after; },
                                  .principal = "flood",
                                  .rank = Rank::Act}));
    }
    ASSERT_TRUE(workers.post({.run = [&] { seen.emplace_back("q"); }, .principal = "quiet", .rank = Rank::Read}));
    EXPECT_GE(retry, 0.1);
    EXPECT_EQ(workers.post({.run = [] {}, .principal = "flood", .rank = Rank::Act}).error().code, Code::ResourceExhausted);
    gate.open.set_value();
    workers.close();
    EXPECT_EQ(seen, (std::vector<std::string>{"f0", "q"}));
}

TEST(Workers, some_threads_are_out_of_reach_of_one_principal) {
    Workers workers({.name = "waits", .threads_max = 2, .running_each_max = 1});
    std::promise<void> first, other, late;
    std::atomic<bool> second_ran = false;
    ASSERT_TRUE(workers.post({.run = [&] { first.set_value(); late.get_future().wait(); }, .principal = "flood"}));
    first.get_future().wait();
    ASSERT_TRUE(workers.post({.run = [&] { second_ran = true; }, .principal = "flood"}));
    ASSERT_TRUE(workers.post({.run = [&] { other.set_value(); }, .principal = "quiet"}));
    other.get_future().wait();  // it did not wait for the flood
    EXPECT_FALSE(second_ran);
    late.set_value();
    workers.close();
    EXPECT_TRUE(second_ran);
}

TEST(Workers, two_waiting_jobs_run_side_by_side) {
    Workers workers({.name = "wait", .threads_max = 2});
    std::promise<void> first;
    std::promise<void> second;
    ASSERT_TRUE(workers.post([&] {
        first.set_value();
        second.get_future().wait();
    }));
    ASSERT_TRUE(workers.post([&] {
        first.get_future().wait();
        second.set_value();
    }));
    workers.close();  // ends only when both met
}

TEST(Workers, a_job_that_throws_does_not_stop_the_next_one) {
    bool ran = false;
    Workers workers({.name = "robust", .threads_max = 1});
    ASSERT_TRUE(workers.post([] { throw std::runtime_error("wanted by the test"); }));
    ASSERT_TRUE(workers.post([&ran] { ran = true; }));
    workers.close();
    EXPECT_TRUE(ran);
    EXPECT_FALSE(workers.post([] {}));
}

}  // namespace
}  // namespace resonant::dispatch
