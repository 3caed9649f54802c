// A CommitQueue is the one thread on which durable calls are carried out, as many at once as are
// waiting: whoever comes while a group is being made durable is in the next one. It waits for nobody:
// a single call is a group of one, at once. (Group commit.)
//
// Threads: any may push; `serve` runs on the queue's own thread.
//
// Invariants:
//   (1) What push() accepted is served exactly once, in the order of pushing, also during close().
//   (2) A group has 1 to group_max members.
#pragma once

#include <fmt/format.h>
#include <pthread.h>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "resonant/base/result.h"

namespace resonant::dispatch {

template <typename Item>
class CommitQueue {
  public:
    // Never throws.
    using Serve = std::function<void(std::vector<Item>& group)>;
    struct Limits {
        std::size_t queue_max = 4096;
        std::size_t group_max = 64;  // bounds how long the first of a group waits for the others
    };

    // `name`: of its thread.
    CommitQueue(Limits limits, Serve serve, const char* name = "writer")
        : limits_(limits), serve_(std::move(serve)), name_(name) {}
    CommitQueue(const CommitQueue&) = delete;
    CommitQueue& operator=(const CommitQueue&) = delete;
    ~CommitQueue() { close(); }

    // ResourceExhausted when the queue is full, Unavailable after close().
    Status push(Item item) {
        {
            const std::lock_guard lock(mutex_);
            if (closed_) {
                return fail(Code::Unavailable, fmt::format("{}: the kernel is stopping; try again after its restart", name_));
            }
            if (queue_.size() >= limits_.queue_max) {
                return fail(Code::ResourceExhausted,
                            fmt::format("{}: {} calls are waiting, the limit is {}; try again in a second", name_,
                                        queue_.size(), limits_.queue_max));
            }
            queue_.push_back(std::move(item));
            if (!thread_.joinable()) {
                thread_ = std::thread([this] { run(); });
                pthread_setname_np(thread_.native_handle(), name_);
            }
        }
        work_.notify_one();
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
                group.push_back(std::move(queue_.front()));
                queue_.pop_front();
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
    mutable std::mutex mutex_;
    std::condition_variable work_;
    std::deque<Item> queue_;
    std::thread thread_;
    bool serving_ = false;
    bool closed_ = false;
};

}  // namespace resonant::dispatch
