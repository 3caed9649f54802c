#include "resonant/net/loop.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>

#include <thread>

namespace resonant::net {
namespace {

TEST(Loop, posted_tasks_run_in_order_before_run_returns) {
    auto loop = Loop::create();
    ASSERT_TRUE(loop);
    std::vector<int> seen;
    for (int i = 0; i < 3; ++i) {
        (*loop)->post([&seen, i] { seen.push_back(i); });
    }
    (*loop)->stop();
    (*loop)->run();
    EXPECT_EQ(seen, (std::vector<int>{0, 1, 2}));
}

TEST(Loop, knows_its_own_thread) {
    auto loop = Loop::create();
    ASSERT_TRUE(loop);
    EXPECT_TRUE((*loop)->in_loop()) << "before run() every thread is fine";
    bool inside = false;
    std::thread runner([&] { (*loop)->run(); });
    (*loop)->post([&] {
        inside = (*loop)->in_loop();
        (*loop)->stop();
    });
    runner.join();
    EXPECT_TRUE(inside);
}

TEST(Loop, a_callback_may_unwatch_itself_and_others) {
    auto made = Loop::create();
    ASSERT_TRUE(made);
    Loop& loop = **made;
    int first[2];
    int second[2];
    ASSERT_EQ(pipe(first), 0);
    ASSERT_EQ(pipe(second), 0);
    int calls = 0;
    const auto once = [&](std::uint32_t) {
        ++calls;
        loop.unwatch(first[0]);
        loop.unwatch(second[0]);
        loop.stop();
    };
    ASSERT_TRUE(loop.watch(first[0], EPOLLIN, once));
    ASSERT_TRUE(loop.watch(second[0], EPOLLIN, once));
    ASSERT_EQ(write(first[1], "x", 1), 1);
    ASSERT_EQ(write(second[1], "x", 1), 1);
    loop.run();
    EXPECT_EQ(calls, 1);
    for (const int fd : {first[0], first[1], second[0], second[1]}) {
        close(fd);
    }
}

TEST(Loop, timers_run_in_order_and_cancelled_ones_never) {
    auto made = Loop::create();
    ASSERT_TRUE(made);
    Loop& loop = **made;
    std::string seen;
    loop.after(from_millis(20), [&] {
        seen += "c";
        loop.stop();
    });
    const std::uint64_t gone = loop.after(from_millis(10), [&] { seen += "b"; });
    loop.after(from_millis(1), [&] { seen += "a"; });
    loop.cancel(gone);
    loop.run();
    EXPECT_EQ(seen, "ac");
}

TEST(Loop, a_timer_may_cancel_another_that_is_due_and_start_new_ones) {
    auto made = Loop::create();
    ASSERT_TRUE(made);
    Loop& loop = **made;
    std::string seen;
    std::uint64_t second = 0;
    loop.after(from_millis(2), [&] {
        seen += "a";
        loop.cancel(second);
        loop.after(from_millis(1), [&] {
            seen += "c";
            loop.stop();
        });
        loop.cancel(second);  // over: nothing happens to the one that has its place now
    });
    second = loop.after(from_millis(2), [&] { seen += "b"; });
    loop.run();
    EXPECT_EQ(seen, "ac");
}

TEST(Loop, a_timer_is_never_early_and_a_far_one_costs_no_wake_ups_that_matter) {
    auto made = Loop::create();
    ASSERT_TRUE(made);
    Loop& loop = **made;
    const auto millis = [] {
        timespec now{};
        clock_gettime(CLOCK_MONOTONIC, &now);
        return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
    };
    const std::uint64_t far = loop.after(Nanos{INT64_MAX}, [&] { ADD_FAILURE() << "ten years have passed"; });
    for (const int wait : {0, 1, 3, 70, 130}) {
        const double from = millis();
        loop.after(from_millis(wait), [&loop] { loop.stop(); });
        loop.run();
        EXPECT_GE(millis() - from, wait);
    }
    loop.cancel(far);
}

TEST(Loop, a_callback_that_watches_its_descriptor_anew_goes_on_with_the_new_one) {
    auto made = Loop::create();
    ASSERT_TRUE(made);
    Loop& loop = **made;
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    std::string seen;
    const auto kept = std::make_shared<int>(0);
    ASSERT_TRUE(loop.watch(ends[0], EPOLLIN, [&, kept](std::uint32_t) {
        seen += "a";
        loop.unwatch(ends[0]);
        ASSERT_TRUE(loop.watch(ends[0], EPOLLIN, [&](std::uint32_t) {
            seen += "b";
            loop.unwatch(ends[0]);
            loop.stop();
        }));
        EXPECT_GE(kept.use_count(), 2) << "what runs is still there";
    }));
    ASSERT_EQ(write(ends[1], "x", 1), 1);
    loop.run();
    EXPECT_EQ(seen, "ab");
    EXPECT_EQ(kept.use_count(), 1) << "and goes once it has run";
    close(ends[0]);
    close(ends[1]);
}

TEST(Loop, what_a_timer_owns_may_cancel_and_unwatch_when_the_loop_ends) {
    auto made = Loop::create();
    ASSERT_TRUE(made);
    struct Owner {
        Loop& loop;
        std::uint64_t timer;
        ~Owner() {
            loop.cancel(timer);
            loop.unwatch(0);
        }
    };
    auto owner = std::shared_ptr<Owner>(new Owner{**made, (*made)->after(from_seconds(9), [] {})});
    (*made)->after(from_seconds(10), [owner] {});
    owner.reset();
    made->reset();
}

TEST(Loop, a_file_cannot_be_watched_and_says_so) {
    auto loop = Loop::create();
    ASSERT_TRUE(loop);
    const Status watched = (*loop)->watch(-1, EPOLLIN, [](std::uint32_t) {});
    ASSERT_FALSE(watched);
    EXPECT_NE(watched.error().message.find("watch descriptor -1"), std::string::npos);
}

}  // namespace
}  // namespace resonant::net
