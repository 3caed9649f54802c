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
