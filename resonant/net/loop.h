// A Loop waits for descriptors, timers and posted tasks, and runs what they wake: the I/O thread of the
// kernel. Fast tools run on it to completion, so whatever it calls must not block.
//
// Threads: run() belongs to one thread, the loop's. post(), stop() and in_loop() are for any thread;
// everything else is for the loop's thread, or for the one thread there is before and after run().
//
// After work came in it looks for more without sleeping, for kSpin at most, as long as that has paid lately:
// a client that asks again at once is spared the waking of another core, and an idle loop sleeps.
//
// Invariants:
//   (1) A callback is never called after unwatch() or cancel() returned.
//   (2) Posted tasks run in the order of posting, each once, before run() returns.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "resonant/base/descriptor.h"
#include "resonant/base/result.h"
#include "resonant/base/units.h"
#include "resonant/net/wheel.h"

struct epoll_event;

namespace resonant::net {

inline constexpr std::int64_t kSpin = 50'000;  // ns

class Loop {
  public:
    using Task = std::function<void()>;
    using Ready = std::function<void(std::uint32_t events)>;  // EPOLLIN, EPOLLOUT, EPOLLHUP, ...

    // Makes a loop. From then on the process ignores SIGPIPE: a broken pipe is an error value here.
    // Unavailable when the system has no descriptors left.
    static Result<std::unique_ptr<Loop>> create();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    ~Loop();

    // Runs until stop(). Posted tasks that are already there are run before it returns.
    void run();
    void stop();
    // Runs `task` soon, on the loop's thread.
    void post(Task task);
    // True on the thread that runs the loop, or ran it; on every thread before that.
    bool in_loop() const;

    // Calls `ready` whenever one of `events` holds (level-triggered). One watch a descriptor.
    Status watch(int fd, std::uint32_t events, Ready ready);
    void change(int fd, std::uint32_t events);
    void unwatch(int fd);

    // Calls `task` once, after `delay` or up to a millisecond later. O(1), as cancel(), which may name a timer
    // that is over, or 0.
    std::uint64_t after(Nanos delay, Task task);
    void cancel(std::uint64_t timer);

  private:
    // An event carries its descriptor and the generation of the watch, so that one that was meant for an
    // earlier watch of the same number is known.
    struct Watch {
        std::uint32_t generation = 0;
        std::uint32_t events = 0;
        Ready ready;
    };
    // Of a number in the wheel. The generation is in the timer's name and goes on when it is over.
    struct Timer {
        std::uint32_t generation = 1;
        Task task;
    };

    Loop(Descriptor poll, Descriptor wake);
    void run_posted();
    int wait(epoll_event* events, int size, int wait_ms);
    int run_timers();  // milliseconds until the next one, -1 when there is none
    void dispatch(std::uint64_t key, std::uint32_t events);
    Watch* watch_of(int fd) const;
    Task take_timer(std::uint64_t timer);

    Descriptor poll_;
    Descriptor wake_;
    std::atomic<std::thread::id> thread_{};
    std::atomic<bool> stopping_{false};
    bool posted_here_ = false;    // by the loop's own thread, which needs no waking
    std::int64_t worked_at_ = 0;  // when the last events were done with
    std::int64_t spin_ns_ = 0;    // how long to look before sleeping
    std::mutex mutex_;
    std::vector<Task> posted_;  // under mutex_
    std::vector<std::unique_ptr<Watch>> watches_;  // by descriptor
    std::uint32_t generation_ = 0;                 // of the last watch
    const Watch* running_ = nullptr;               // whose callback runs now
    std::unique_ptr<Watch> ended_;                 // it, once it has been unwatched by its own callback
    Wheel wheel_;
    std::vector<Timer> timers_;                    // by number
    std::vector<std::uint32_t> free_timers_;
    std::vector<std::uint64_t> due_;               // scratch of run_timers()
    std::vector<std::uint32_t> expired_;
};

}  // namespace resonant::net
