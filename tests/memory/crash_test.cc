// What was acknowledged survives a kill at any moment, and the Arrow copy is whole or rebuilt.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <random>
#include <thread>

#include "tests/memory/sea_fixture.h"
#include "tests/support/interrupt.h"

namespace resonant::memory {
namespace {

class CrashTest : public SeaTest {
  protected:
    static std::string text_of(std::uint32_t number) {
        return "acknowledged memory number n" + std::to_string(number);
    }

    // In the child: adds memories from `number` on, acknowledges each on `pipe`, embeds now and
    // then.
    [[noreturn]] void add_for_ever(std::uint32_t number, int pipe) {
        reopen();
        for (;; ++number) {
            Memory memory;
            memory.content = text_of(number);
            if (!sea_->add(memory) || ::write(pipe, &number, sizeof number) != sizeof number) {
                ::_exit(1);
            }
            if (number % 4 == 0 && !sea_->catch_up(16, nullptr)) {
                ::_exit(1);
            }
        }
    }

    // Lets a child add from `first` on and kills it after `wait`. Returns the first number that was
    // not acknowledged.
    std::uint32_t run_and_kill(std::uint32_t first, std::chrono::microseconds wait) {
        int ends[2];
        EXPECT_EQ(::pipe(ends), 0);
        const pid_t child = ::fork();
        if (child == 0) {
            ::close(ends[0]);
            add_for_ever(first, ends[1]);
        }
        ::close(ends[1]);
        std::uint32_t next = first;
        std::uint32_t number = 0;
        // The wait begins with the first acknowledgement: before it there is nothing to lose.
        bool begun = false;
        while (::read(ends[0], &number, sizeof number) == sizeof number) {
            next = number + 1;
            if (!begun) {
                begun = true;
                std::this_thread::sleep_for(wait);
                ::kill(child, SIGKILL);
            }
        }
        ::close(ends[0]);
        int status = 0;
        EXPECT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFSIGNALED(status)) << "the child failed by itself";
        return next;
    }
};

TEST_F(CrashTest, every_acknowledged_memory_survives_a_kill_at_a_random_moment) {
    if (test::kThreadSanitized) {
        GTEST_SKIP() << "the thread sanitizer ends a forked child that starts a thread";
    }
    const std::uint64_t seed = std::random_device()();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const int rounds = std::getenv("RESONANT_LONG") != nullptr ? 1000 : 20;
    std::uint32_t next = 0;
    for (int round = 0; round < rounds; ++round) {
        sea_.reset();
        database_.reset();
        const std::uint32_t before = next;
        next = run_and_kill(next, std::chrono::microseconds(random() % 30'000));
        reopen();
        for (std::uint32_t number = before; number < next; ++number) {
            ASSERT_THAT(search("n" + std::to_string(number)), testing::SizeIs(1))
                << "round " << round;
        }
        std::vector<std::string> findings;
        ASSERT_TRUE(sea_->verify(true, findings).has_value());
        findings.clear();
        ASSERT_TRUE(sea_->verify(false, findings).has_value());
        EXPECT_THAT(findings, testing::IsEmpty()) << "round " << round;
    }
    const auto all = sea_->zones("");
    // One that was written but not acknowledged any more may be there too, in each round.
    EXPECT_GE(all->total, next);
    EXPECT_LE(all->total, next + static_cast<std::uint32_t>(rounds));
    catch_up();
    EXPECT_EQ(nearest(text_of(0), 1), Ids{1});
}

}  // namespace
}  // namespace resonant::memory
