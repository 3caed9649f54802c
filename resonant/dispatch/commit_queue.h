// A CommitQueue is the one thread on which durable calls are carried out, as many at once as are
// waiting: whoever comes while a group is being made durable is in the next one. It waits for nobody:
// a single call is a group of one, at once. (Group commit.) The queue is fair: a group takes from every
// principal in turn, and when it is full those who hold most of it give way (fair_queue.h).
//
// Threads: any may push; `serve` runs on the queue's own thread.
//
// Invariants:
//   (1) What push() accepted is served or shed, once, also during close(); what one principal pushed, in the
//       order of pushing.
//   (2) A group has 1 to group_max members.
#pragma once

#include <fmt/format.h>
#include <pthread.h>

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/dispatch/fair_queue.h"

namespace resonant::dispatch {

template <typename Item>
class CommitQueue {
  public:
    // Never throws.
    using Serve = std::function<void(std::vector<Item>& group)>;
    using Shed = std::function<void(Item item)>;  // in place of Serve, on the thread that pushed another
    struct Limits {
        std::size_t queue_max = 4096;
        std::size_t group_max = 64;  // bounds how long the first of a group waits for the others
    };

    // `name`: of its thread.
    CommitQueue(Limits limits, Serve serve, const char* name = "writer", Shed shed = [](Item) {})
        : limits_(limits), serve_(std::move(serve)), name_(name), shed_(std::move(shed)), queue_(limits.queue_max) {}
    CommitQueue(const CommitQueue&) = delete;
    CommitQueue& operator=(const CommitQueue&) = delete;
    ~CommitQueue() { close(); }

    // ResourceExhausted when the queue is full and this one has to go, Unavailable after close().
    Status push(Item item, const std::string& principal = {}, Rank rank = Rank::Act) {
        typename FairQueue<Item>::Pushed pushed;
        {
            const std::lock_guard lock(mutex_);
            if (closed_) {
                return fail(Code::Unavailable, fmt::format("{}: the kernel is stopping; try again after its restart", name_));
            }
            pushed = queue_.push(principal, rank, std::move(item));
            if (!pushed.taken) {
                return fail(Code::ResourceExhausted,
                            fmt::format("{}: {} calls are waiting, the limit is {}; try again in a second", name_,
                                        queue_.size(), limits_.queue_max));
            }
            if (!thread_.joinable()) {
                thread_ = std::thread([this] { run(); });
                pthread_setname_np(thread_.native_handle(), name_);
            }
        }
        work_.notify_one();
        if (pushed.shed) {
            shed_(std::move(*pushed.shed));
        }
        return {};
    }

    // Whether nothing waits and nothing is being served.
    bool idle() const {
        const std::lock_guard lock(mutex_);
        return queue_.empty() && !serving_;
    }

    // Serves what is queued, then joins the thread.
    void close() {
        std::thread thread;
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
            thread.swap(thread_);
        }
        work_.notify_all();
        if (thread.joinable()) {
            thread.join();
        }
    }

  private:
    void run() {
        std::vector<Item> group;
        std::unique_lock lock(mutex_);
        for (;;) {
            work_.wait(lock, [this] { return closed_ || !queue_.empty(); });
            if (queue_.empty()) {
                return;
            }
            while (!queue_.empty() && group.size() < limits_.group_max) {
                group.push_back(queue_.pop());
            }
            serving_ = true;
            lock.unlock();
            serve_(group);
            group.clear();
            lock.lock();
            serving_ = false;
        }
    }

    const Limits limits_;
    const Serve serve_;
    const char* const name_;
    const Shed shed_;
    mutable std::mutex mutex_;
    std::condition_variable work_;
    FairQueue<Item> queue_;
    std::thread thread_;
    bool serving_ = false;
    bool closed_ = false;
};

}  // namespace resonant::dispatch
