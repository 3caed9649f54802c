// A kernel is killed at a random moment, again and again, while four clients store: every memory that was
// acknowledged is there, and memory and ledger agree.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <mutex>
#include <set>
#include <thread>

#include "resonant/base/log.h"
#include "resonant/runtime/parts.h"
#include "tests/durability/governed_home.h"
#include "tests/support/scratch.h"

namespace resonant::test {
namespace {

constexpr int kClients = 4;

std::string text_of(std::uint32_t number) { return "acknowledged memory number n" + std::to_string(number); }

class KillTest : public testing::Test {
  protected:
    void begin_home(int number) {
        SystemRandom random;
        const auto home = runtime::open_home(scratch_.path() / ("home" + std::to_string(number)), random);
        ASSERT_TRUE(home.has_value()) << home.error().message;
        home_ = *home;
    }

    // In the child: a kernel whose clients store for ever. What is acknowledged is told on `pipe`.
    [[noreturn]] void serve(std::uint32_t first, int pipe) {
        log().set_level(spdlog::level::off);
        runtime::Config config;
        config.model = "/nonexistent";
        const auto parts = runtime::Parts::create(home_, config);
        if (!parts) {
            std::fprintf(stderr, "the kernel does not start: %s\n", parts.error().message.c_str());
            ::_exit(1);
        }
        (*parts)->start();
        std::vector<std::thread> clients;
        for (std::uint32_t client = 0; client < kClients; ++client) {
            clients.emplace_back([&, client] {
                for (std::uint32_t number = first + client;; number += kClients) {
                    call::Request request;
                    request.tool = number % 7 == 3 ? "memory.update" : "memory.add";  // updates of nothing fail beside them
                    request.arguments = {{"content", text_of(number)}};
                    if (number % 7 == 3) {
                        request.arguments["id"] = "m999999999";
                    }
                    request.caller.principal = "client " + std::to_string(client);
                    request.caller.role = call::Role::Agent;
                    const call::Reply reply = (*parts)->dispatcher->run(std::move(request));
                    if (!reply.error && ::write(pipe, &number, sizeof number) != sizeof number) {
                        ::_exit(1);
                    }
                }
            });
        }
        clients.front().join();
        ::_exit(1);
    }

    // The numbers that were acknowledged before the kill, `wait` after the first of them.
    std::set<std::uint32_t> run_and_kill(std::uint32_t first, std::chrono::microseconds wait) {
        int ends[2];
        EXPECT_EQ(::pipe(ends), 0);
        const pid_t child = ::fork();
        if (child == 0) {
            ::close(ends[0]);
            serve(first, ends[1]);
        }
        ::close(ends[1]);
        std::set<std::uint32_t> acknowledged;
        std::uint32_t number = 0;
        while (::read(ends[0], &number, sizeof number) == sizeof number) {
            if (acknowledged.insert(number).second && acknowledged.size() == 1) {
                std::this_thread::sleep_for(wait);
                ::kill(child, SIGKILL);
            }
        }
        ::close(ends[0]);
        int status = 0;
        EXPECT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFSIGNALED(status)) << "the child failed by itself";
        return acknowledged;
    }

    // What the files say, without a kernel.
    void expect_all(const std::set<std::uint32_t>& acknowledged) {
        const Result<Json> found = runtime::verify_home(home_);
        ASSERT_TRUE(found.has_value()) << found.error().message;
        EXPECT_TRUE(found->at("ok").get<bool>()) << found->dump(2);
        const auto database = sql::Database::open(home_.database(), {.readers = 1, .read_only = true});
        ASSERT_TRUE(database.has_value()) << database.error().message;
        const Status looked = (*database)->read([&](sql::Connection& connection) -> Status {
            RESONANT_ASSIGN(auto row, connection.prepare("SELECT t.content FROM memory_words w JOIN memory_texts t"
                                                         " ON t.memory_id = w.rowid WHERE memory_words MATCH ?"));
            for (const std::uint32_t number : acknowledged) {
                RESONANT_ASSIGN(const bool is_there, row.reset().bind(1, "n" + std::to_string(number)).step());
                EXPECT_TRUE(is_there && row.text(0) == text_of(number)) << "memory " << number << " is lost";
            }
            return {};
        });
        EXPECT_TRUE(looked.has_value()) << looked.error().message;
    }

    Scratch scratch_;
    runtime::Home home_;
};

TEST_F(KillTest, what_was_acknowledged_survives_and_memory_and_ledger_agree) {
    const std::uint64_t seed = chosen_seed();
    SCOPED_TRACE("RESONANT_SEED=" + std::to_string(seed));
    std::mt19937_64 random(seed);
    const int rounds = long_form() ? 1'000 : 25;
    std::uint32_t first = 0;
    std::size_t all = 0;
    for (int round = 0; round < rounds && !HasFailure(); ++round) {
        SCOPED_TRACE("round " + std::to_string(round));
        if (round % 50 == 0) {  // a home that grows for ever takes ever longer to look through
            begin_home(round);
        }
        const auto acknowledged = run_and_kill(first, std::chrono::microseconds(random() % 30'000));
        expect_all(acknowledged);
        all += acknowledged.size();
        first = (acknowledged.empty() ? first : *acknowledged.rbegin()) + 100;  // numbers are never used twice
    }
    std::printf("%zu memories acknowledged in %d kernels, all there\n", all, rounds);
}

}  // namespace
}  // namespace resonant::test
