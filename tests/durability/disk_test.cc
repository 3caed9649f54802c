// Every call that changes a file fails once, in each way it can; and the power is cut at every moment. What was
// acknowledged is there, what is answered is right, and the process lives.
#include "tests/durability/disk.inc"

#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "resonant/base/log.h"
#include "resonant/memory/durable_file.h"
#include "tests/durability/governed_home.h"

namespace resonant::test {
namespace {

constexpr int kAdds = 5;

std::string text_of(int number) { return "note number n" + std::to_string(number) + " about herons"; }

class DiskTest : public testing::Test {
  protected:
    DiskTest() { log().set_level(spdlog::level::off); }
    ~DiskTest() override { log().set_level(spdlog::level::warn); }

    static std::filesystem::path fresh(const MemoryScratch& scratch, const std::string& name) {
        const std::filesystem::path path = scratch.path() / name;
        std::filesystem::remove_all(path);
        std::filesystem::create_directories(path);
        return path;
    }

    // A day of a small home: memories, their vectors, a new text, the log moved into the file. Tells `done` of each
    // change that was acknowledged.
    static void live(GovernedHome& home, const std::function<void(int)>& done) {
        memory::MemoryId first = 0;
        for (int number = 1; number <= kAdds; ++number) {
            if (const auto id = home.add(text_of(number))) {
                first = number == 1 ? *id : first;
                done(number);
            }
            if (number == 2) {
                static_cast<void>(home.catch_up());  // a failure leaves it to the next time
            }
        }
        static_cast<void>(home.database->checkpoint());
        if (first != 0 && home.update(first, text_of(100))) {
            done(100);
        }
        static_cast<void>(home.catch_up());
        static_cast<void>(home.ledger->flush_reads());
    }

    static void expect_all(GovernedHome& home, const std::set<int>& acknowledged) {
        const Status opened = home.open();
        ASSERT_TRUE(opened.has_value()) << opened.error().message;
        for (const int number : acknowledged) {
            const bool replaced = number == 1 && acknowledged.contains(100);
            // A new text of the first that was not acknowledged may be there all the same.
            EXPECT_TRUE(replaced || home.has(text_of(number)) || (number == 1 && home.has(text_of(100))))
                << "memory " << number << " was acknowledged";
        }
        const Status caught_up = home.catch_up();
        EXPECT_TRUE(caught_up.has_value()) << caught_up.error().message;
        EXPECT_THAT(home.findings(), testing::IsEmpty());
    }
};

TEST_F(DiskTest, any_failing_call_loses_nothing_and_the_process_lives) {
    struct Way {
        const char* name;
        Fault fault;
    };
    const std::vector<Way> ways = {{"EIO", {.error_number = EIO}},
                                   {"ENOSPC", {.error_number = ENOSPC}},
                                   {"a short write", {.error_number = ENOSPC, .is_short = true}},
                                   {"a full disk that stays full", {.error_number = ENOSPC, .stays = true}},
                                   {"a dead disk", {.error_number = EIO, .stays = true}}};
    const MemoryScratch scratch;
    const std::uint64_t seed = chosen_seed();
    SCOPED_TRACE("RESONANT_SEED=" + std::to_string(seed));
    std::size_t struck = 0;
    bool more = true;
    // In the short form about every fifth call, others each time.
    std::mt19937_64 random(seed);
    for (std::uint64_t nth = 1; more; nth += long_form() ? 1 : 1 + random() % 9) {
        for (std::size_t way = 0; way < ways.size(); ++way) {
            if (!long_form() && way != (nth + seed) % ways.size()) {
                continue;
            }
            SCOPED_TRACE("call " + std::to_string(nth) + " fails: " + ways[way].name);
            const auto root = fresh(scratch, "home");
            GovernedHome home(root);
            ASSERT_TRUE(home.open());
            std::set<int> acknowledged;
            {
                Disk disk(root);
                Fault fault = ways[way].fault;
                fault.nth = nth;
                disk.fail(fault);
                live(home, [&](int number) { acknowledged.insert(number); });
                more = disk.struck();
                struck += more ? 1 : 0;
                // Before the disk is well again: what is answered is right.
                for (const int number : acknowledged) {
                    if (const auto page = home.sea->search(text_of(number), {}, 1, "", "ann"); page && number != 1) {
                        EXPECT_FALSE(page->hits.empty()) << "an answer that misses memory " << number;
                    }
                }
            }
            const auto well = home.add(text_of(7));  // the disk is well again, in the same process
            EXPECT_TRUE(well.has_value()) << well.error().message;
            if (well) {
                acknowledged.insert(7);
            }
            expect_all(home, acknowledged);
            if (HasFailure()) {
                return;
            }
        }
    }
    EXPECT_GT(struck, 10U) << "the calls are not caught";
}

TEST_F(DiskTest, a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged) {
    const MemoryScratch scratch;
    const std::uint64_t seed = chosen_seed();
    SCOPED_TRACE("RESONANT_SEED=" + std::to_string(seed));
    const auto root = fresh(scratch, "home");
    GovernedHome home(root);
    ASSERT_TRUE(home.open().has_value());
    Disk disk(root);
    disk.record();
    std::vector<std::pair<std::size_t, int>> acknowledged;  // after how many calls, what
    live(home, [&](int number) { acknowledged.emplace_back(disk.recorded(), number); });
    ASSERT_EQ(acknowledged.size(), static_cast<std::size_t>(kAdds + 1));
    const std::size_t moments = disk.recorded();
    ASSERT_GT(moments, 60U) << "the calls are not caught";
    const auto is_acknowledgement = [&](std::size_t moment) {
        return std::any_of(acknowledged.begin(), acknowledged.end(), [&](const auto& one) { return one.first == moment; });
    };
    for (std::size_t moment = 0; moment <= moments; ++moment) {
        const std::size_t tries = long_form() ? 20 : is_acknowledgement(moment) ? 16 : 8;
        for (std::size_t i = 0; i < tries; ++i) {
            const std::uint64_t replay = seed + moment * 1'000 + i;
            SCOPED_TRACE("cut after call " + std::to_string(moment) + " of " + std::to_string(moments) + ", replay " +
                         std::to_string(replay));
            const auto left = fresh(scratch, "left");
            disk.cut(moment, replay, left);
            std::set<int> wanted;
            for (const auto& [after, number] : acknowledged) {
                if (after <= moment) {
                    wanted.insert(number);
                }
            }
            GovernedHome found(left);
            found.clock.advance(from_millis(60'000));
            expect_all(found, wanted);
            if (HasFailure()) {
                return;
            }
        }
    }
}

TEST_F(DiskTest, a_file_of_the_copy_that_was_committed_outlives_a_power_cut_whole) {
    const MemoryScratch scratch;
    const auto root = fresh(scratch, "home");
    const std::vector<std::byte> content(50'000, std::byte{7});
    Disk disk(root);
    disk.record();
    auto file = memory::DurableFile::create(root, "sea-0-1.arrow");
    ASSERT_TRUE(file) << file.error().message;
    ASSERT_TRUE((*file)->append(content));
    ASSERT_TRUE((*file)->commit());
    for (std::uint64_t seed = 0; seed < 32; ++seed) {
        const auto left = fresh(scratch, "left");
        disk.cut(disk.recorded(), seed, left);
        std::ifstream found(left / "sea-0-1.arrow", std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(found), {}};
        ASSERT_EQ(bytes, std::string(content.size(), 7)) << "seed " << seed;
    }
}

}  // namespace
}  // namespace resonant::test
