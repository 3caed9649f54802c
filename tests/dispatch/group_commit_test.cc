// Calls that wait together are made durable together, and stand or fall alone.
#include <gtest/gtest.h>

#include <condition_variable>
#include <numeric>
#include <semaphore>
#include <thread>

#include "resonant/dispatch/commit_queue.h"
#include "tests/support/world.h"

namespace resonant::dispatch {
namespace {

TEST(CommitQueue, who_comes_while_a_group_is_served_is_in_the_next_one) {
    std::mutex mutex;
    std::condition_variable wake;
    bool go_on = false;
    std::vector<std::vector<int>> groups;
    CommitQueue<int> queue({.queue_max = 10, .group_max = 3}, {.serve = [&](std::vector<int>& group) {
        std::unique_lock lock(mutex);
        groups.push_back(group);
        wake.notify_all();
        wake.wait(lock, [&] { return go_on; });
    }});
    ASSERT_TRUE(queue.push(0));
    {
        std::unique_lock lock(mutex);
        wake.wait(lock, [&] { return groups.size() == 1; });
    }
    for (int item = 1; item <= 5; ++item) {
        ASSERT_TRUE(queue.push(item));
    }
    {
        const std::lock_guard lock(mutex);
        go_on = true;
    }
    wake.notify_all();
    queue.close();
    EXPECT_EQ(groups, (std::vector<std::vector<int>>{{0}, {1, 2, 3}, {4, 5}}));
}

// Two callers that ask again as soon as they are answered, and a third that waits: whether the one that was answered is
// in the group of the others. How long a thread takes to come back is the system's, so it may be tried again.
bool comes_back_in_time(std::chrono::microseconds return_max) {
    constexpr std::chrono::milliseconds kServed{40};
    std::vector<std::vector<int>> groups;
    std::binary_semaphore is_served{0};
    std::binary_semaphore is_answered{0};
    CommitQueue<int> queue({.return_max = return_max}, {.serve = [&](std::vector<int>& group) {
                                                            groups.push_back(group);
                                                            is_served.release();
                                                            std::this_thread::sleep_for(kServed);
                                                        },
                                                        .answer = [&](std::vector<int>& group) {
                                                            if (group.front() == 0) {
                                                                is_answered.release();
                                                            }
                                                        }});
    EXPECT_TRUE(queue.push(0));
    is_served.acquire();
    EXPECT_TRUE(queue.push(1));
    EXPECT_TRUE(queue.push(2));
    is_answered.acquire();
    EXPECT_TRUE(queue.push(3));
    is_served.acquire();
    queue.close();
    return groups.size() == 2 && groups[1] == std::vector<int>{1, 2, 3};
}

TEST(CommitQueue, who_was_just_answered_is_waited_for_when_others_wait) {
    bool came = false;
    for (int attempt = 0; attempt < 20 && !came; ++attempt) {
        came = comes_back_in_time(std::chrono::seconds(1));
    }
    EXPECT_TRUE(came);
}

TEST(CommitQueue, who_does_not_come_back_holds_nobody_up) {
    std::atomic<std::size_t> served{0};
    std::binary_semaphore is_serving{0};
    std::binary_semaphore go_on{0};
    CommitQueue<int> queue({.return_max = std::chrono::hours(1)}, {.serve = [&](std::vector<int>& group) {
                                                                     served += group.size();
                                                                     is_serving.release();
                                                                     go_on.acquire();
                                                                 }});
    const auto serve_until = [&](std::size_t wanted) {
        for (std::size_t seen = 0; seen < wanted;) {
            is_serving.acquire();
            seen = served.load();
            go_on.release();
        }
    };
    for (int item = 0; item < 3; ++item) {
        ASSERT_TRUE(queue.push(item));
    }
    serve_until(3);
    ASSERT_TRUE(queue.push(3));  // the others stay away
    serve_until(4);
    queue.close();
    EXPECT_EQ(served.load(), 4U);
}

TEST(CommitQueue, is_idle_when_nothing_waits_and_nothing_is_served) {
    std::mutex held;
    held.lock();
    CommitQueue<int> queue({}, {.serve = [&](std::vector<int>&) { const std::lock_guard lock(held); }});
    EXPECT_TRUE(queue.idle());
    ASSERT_TRUE(queue.push(1));
    EXPECT_FALSE(queue.idle());
    held.unlock();
    queue.close();
    EXPECT_TRUE(queue.idle());
}

TEST(CommitQueue, a_full_queue_and_a_closed_one_say_so) {
    std::mutex held;
    held.lock();
    CommitQueue<int> queue({.queue_max = 1, .group_max = 1},
                           {.serve = [&](std::vector<int>&) { const std::lock_guard lock(held); }});
    Status pushed;
    for (int item = 0; item < 3 && pushed; ++item) {  // one is served, one waits
        pushed = queue.push(item);
    }
    ASSERT_FALSE(pushed);
    EXPECT_EQ(pushed.error().code, Code::ResourceExhausted);
    held.unlock();
    queue.close();
    EXPECT_EQ(queue.push(9).error().code, Code::Unavailable);
}

TEST(GroupCommit, intent_and_outcome_keep_the_hash_of_what_the_call_was_given) {
    test::World world;
    const Json arguments = {{"content", "a note whose hash is kept"}, {"tags", {"b", "a"}}};
    ASSERT_FALSE(world.call("memory.add", arguments).error);
    const govern::Hash wanted = govern::sha256(json::canonical(arguments));
    std::vector<std::string> kinds;
    ASSERT_TRUE(world.parts().database->read([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(auto rows, connection.prepare("SELECT kind FROM ledger WHERE tool = 'memory.add' AND"
                                                      " arguments_hash = ? ORDER BY seq"));
        rows.bind(1, std::span<const std::byte>(wanted));
        return rows.each([&](const sql::Statement& row) -> Status {
            kinds.push_back(row.text(0));
            return {};
        });
    }));
    EXPECT_EQ(kinds, (std::vector<std::string>{"intent", "outcome"}));
}

// Many clients at once, some of whose calls fail after they have changed rows: those are undone, the others stay, and
// the ledger tells both apart.
TEST(GroupCommit, a_call_that_fails_is_undone_alone) {
    test::World world;
    const std::string id = world.remember("a memory that is changed all the time");
    std::atomic<int> stored{0};
    std::atomic<int> refused{0};
    std::vector<std::thread> clients;
    for (int client = 0; client < 8; ++client) {
        clients.emplace_back([&, client] {
            for (int i = 0; i < 30; ++i) {
                const bool well = i % 3 != 0;
                const auto reply = well ? world.call("memory.add", {{"content", "note " + std::to_string(client * 100 + i)}})
                                        : world.call("memory.update", {{"id", id}, {"content", "x"}, {"if_version", 7'777}});
                stored += !reply.error;
                refused += reply.error;
            }
        });
    }
    for (std::thread& client : clients) {
        client.join();
    }
    EXPECT_EQ(stored.load(), 160);
    EXPECT_EQ(refused.load(), 80);
    EXPECT_EQ(world.ask("memory.read", {{"ids", {id}}})["memories"][0]["content"], "a memory that is changed all the time");
    EXPECT_EQ(world.parts().sea->zones("")->total, 161U);
    std::int64_t ok = 0;
    std::int64_t failed = 0;
    std::int64_t intents = 0;
    ASSERT_TRUE(world.parts().database->read([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row, connection.prepare("SELECT sum(decision='ok'), sum(decision='failed'), sum(kind='intent')"
                                                     " FROM ledger WHERE tool IN ('memory.add', 'memory.update')"));
        RESONANT_CHECK(row.step());
        ok = row.integer(0);
        failed = row.integer(1);
        intents = row.integer(2);
        return {};
    }));
    EXPECT_EQ(ok, 161);
    EXPECT_EQ(failed, 80);
    EXPECT_EQ(intents, 241);
    EXPECT_TRUE(world.parts().ledger->verify().ok);
}

}  // namespace
}  // namespace resonant::dispatch
