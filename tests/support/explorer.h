// An Explorer runs a few small threads through every interleaving of their atomic operations and
// every value that C++'s release and acquire let a load return, and stops each thread that may be
// killed after every operation. What it runs is the real code, instantiated on Checked atomics.
//
// One thread: the explored threads are fibres (ucontext) that stop before each atomic operation.
//
// Invariants:
//   (1) A location keeps every value that was stored, in the order of the stores. A load may return
//       any value that its thread does not already know to be overwritten; acquire takes over what
//       the storing thread knew at a release. A compare-exchange works on the newest value.
//   (2) A run is told by its choices (who goes next, which value). All are tried, depth first; a
//       state that was met before is not entered again. A thread's state is what it has read.
//   (3) Loops that read stale values for ever are cut after `steps_max` operations of a thread.
//
// Not explored: relaxed stores that overtake each other (modification order is the order of
// execution), and load buffering. After CHESS (Musuvathi) and the view semantics of release-acquire.
#pragma once

#include <gtest/gtest.h>
#include <ucontext.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace resonant::test {

class Explorer {
  public:
    using View = std::array<std::uint8_t, 24>;  // per location: the oldest value that may be read

    struct Thread {
        std::function<void()> body;
        bool may_die = false;
    };
    struct Counts {
        std::uint64_t runs = 0, states = 0, cut = 0;
    };

    // `setup` makes fresh memory and returns the threads; `check` looks at the end of each run.
    static Counts explore(const std::function<std::vector<Thread>()>& setup,
                          const std::function<void()>& check, int steps_max = 60,
                          std::uint64_t runs_max = 3'000'000);

    // What Checked calls. Outside of a run (setup, check) everything happens at once.
    static int add_location(std::uint64_t value);
    static std::uint64_t load(int location, std::memory_order order);
    static void store(int location, std::uint64_t value, std::memory_order order);
    static bool compare_exchange(int location, std::uint64_t& expected, std::uint64_t desired);
    static std::uint64_t exchange(int location, std::uint64_t value);
    // What membarrier(2) does: every thread knows everything from here on.
    static void barrier();
    // Stops the fibre until the location's newest value is another one than `value`.
    static void sleep_while(int location, std::uint64_t value);
    static bool asleep(std::size_t thread);

  private:
    struct Stored {
        std::uint64_t value;
        View view;
    };
    struct Fibre {
        Thread thread;
        ucontext_t context{};
        std::unique_ptr<char[]> stack;
        View view{};
        std::uint64_t history = 0;
        int steps = 0;
        bool over = false, dead = false;
        int sleeps_on = -1;
        std::uint64_t sleeps_while = 0;
    };

    bool run();
    std::size_t choose(std::size_t options);
    void step();
    void note(std::uint64_t value);
    std::string state() const;
    bool can_go(const Fibre& fibre) const;
    static void enter();

    static inline Explorer* self = nullptr;
    std::vector<std::vector<Stored>> locations_;
    std::vector<Fibre> fibres_;
    std::vector<std::pair<std::size_t, std::size_t>> choices_;  // taken, of how many
    std::size_t next_choice_ = 0;
    std::set<std::string> seen_;
    Fibre* running_ = nullptr;
    ucontext_t scheduler_{};
    int steps_max_ = 0;
    bool cut_ = false;
};

// An atomic word as the explored code sees it.
class Checked {
  public:
    Checked() : location_(Explorer::add_location(0)) {}
    std::uint64_t load(std::memory_order order) const { return Explorer::load(location_, order); }
    void store(std::uint64_t value, std::memory_order order) {
        Explorer::store(location_, value, order);
    }
    bool compare_exchange_strong(std::uint64_t& expected, std::uint64_t desired, std::memory_order,
                                 std::memory_order = std::memory_order_relaxed) {
        return Explorer::compare_exchange(location_, expected, desired);
    }
    std::uint64_t exchange(std::uint64_t value, std::memory_order) {
        return Explorer::exchange(location_, value);
    }
    int location() const { return location_; }

  private:
    int location_;
};

}  // namespace resonant::test
