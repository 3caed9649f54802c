// Who asks for much waits for its own; nobody waits for others' floods.
#include "resonant/dispatch/fair_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace resonant::dispatch {
namespace {

using Queue = FairQueue<std::string>;

std::vector<std::string> drain(Queue& queue) {
    std::vector<std::string> items;
    while (!queue.empty()) {
        items.push_back(queue.pop());
    }
    return items;
}

TEST(FairQueue, a_quiet_principal_is_served_within_one_round_of_a_flood) {
    Queue queue(100);
    for (int i = 0; i < 10; ++i) {
        queue.push("flood", Rank::Act, "f" + std::to_string(i));
    }
    queue.push("quiet", Rank::Act, "q0");
    queue.push("quiet", Rank::Act, "q1");
    const std::vector<std::string> items = drain(queue);
    EXPECT_EQ(std::vector<std::string>(items.begin(), items.begin() + 5),
              (std::vector<std::string>{"f0", "q0", "f1", "q1", "f2"}));
}

TEST(FairQueue, when_it_is_full_the_flood_gives_way_and_not_who_comes_late) {
    Queue queue(4);
    for (int i = 0; i < 4; ++i) {
        EXPECT_TRUE(queue.push("flood", Rank::Act, "f" + std::to_string(i)).taken);
    }
    EXPECT_FALSE(queue.push("flood", Rank::Act, "f4").taken);
    const auto pushed = queue.push("quiet", Rank::Read, "q0");
    EXPECT_TRUE(pushed.taken);
    EXPECT_EQ(pushed.shed, "f3") << "the newest of the flood, although reading ranks below acting";
    EXPECT_EQ(drain(queue), (std::vector<std::string>{"f0", "q0", "f1", "f2"}));
}

TEST(FairQueue, of_one_principal_the_lowest_class_gives_way_first) {
    Queue queue(3);
    queue.push("one", Rank::Read, "read");
    queue.push("one", Rank::Act, "act");
    queue.push("one", Rank::Background, "background");
    EXPECT_EQ(queue.push("one", Rank::Act, "act 2").shed, "background");
    EXPECT_EQ(queue.push("one", Rank::Act, "act 3").shed, "read");
    EXPECT_FALSE(queue.push("one", Rank::Read, "read 2").taken);
    EXPECT_EQ(queue.push("one", Rank::Operator, "operator").shed, "act 3");
    EXPECT_EQ(drain(queue), (std::vector<std::string>{"act", "act 2", "operator"}));
}

TEST(FairQueue, who_may_not_be_served_now_is_passed_over) {
    Queue queue(4);
    queue.push("busy", Rank::Act, "b");
    queue.push("free", Rank::Act, "f");
    const auto not_busy = [](const std::string& principal) { return principal != "busy"; };
    EXPECT_EQ(queue.pop_if(not_busy), "f");
    EXPECT_EQ(queue.pop_if(not_busy), std::nullopt);
    EXPECT_EQ(queue.pop(), "b");
}

// Random pushes and pops: nothing is lost or given twice, orders hold, and shares are kept.
TEST(FairQueue, random_pushes_and_pops_agree_with_a_naive_twin) {
    const unsigned seed = std::random_device{}();
    RecordProperty("seed", std::to_string(seed));
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 dice(seed);
    constexpr std::size_t kMax = 12;
    FairQueue<std::pair<std::string, int>> queue(kMax);
    std::map<std::string, std::map<int, Rank>> held;  // by principal: number and class
    int number = 0;
    for (int step = 0; step < 20'000; ++step) {
        if (dice() % 5 < 2 && !queue.empty()) {
            const auto [principal, mine] = queue.pop();
            ASSERT_EQ(held[principal].begin()->first, mine) << "a principal's oldest comes first";
            held[principal].erase(mine);
            continue;
        }
        const std::string principal(1, static_cast<char>('a' + dice() % 5));
        const auto rank = static_cast<Rank>(dice() % kRanks);
        const bool full = queue.size() == kMax;
        const auto pushed = queue.push(principal, rank, {principal, ++number});
        ASSERT_TRUE(full || (pushed.taken && !pushed.shed)) << "nothing goes while there is room";
        ASSERT_FALSE(full && pushed.taken && !pushed.shed);
        std::erase_if(held, [](const auto& one) { return one.second.empty(); });
        const std::size_t lanes = held.size() + (held.contains(principal) ? 0 : 1);
        if (pushed.taken) {
            held[principal][number] = rank;
        }
        const std::string loser = pushed.taken && pushed.shed ? pushed.shed->first : principal;
        if (full) {
            const std::size_t its = held[loser].size() + (pushed.taken ? 0 : 1);
            ASSERT_GT(its, kMax / lanes) << "who gives way held more than its share";
        }
        if (pushed.shed) {
            ASSERT_EQ(held[loser].erase(pushed.shed->second), 1U);
        }
        std::size_t all = 0;
        for (const auto& [name, numbers] : held) {
            all += numbers.size();
            ASSERT_EQ(queue.waiting(name), numbers.size());
        }
        ASSERT_EQ(queue.size(), all);
    }
}

}  // namespace
}  // namespace resonant::dispatch
