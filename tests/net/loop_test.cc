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

TEST(Loop, a_file_cannot_be_watched_and_says_so) {
    auto loop = Loop::create();
    ASSERT_TRUE(loop);
    const Status watched = (*loop)->watch(-1, EPOLLIN, [](std::uint32_t) {});
    ASSERT_FALSE(watched);
    EXPECT_NE(watched.error().message.find("watch descriptor -1"), std::string::npos);
}

}  // namespace
}  // namespace resonant::net
