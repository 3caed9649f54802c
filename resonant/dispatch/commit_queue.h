// A CommitQueue is the one thread on which durable calls are carried out, as many at once as are
// waiting: whoever comes while a group is being made durable is in the next one. (Group commit.) A single
// call is a group of one, at once. The queue is fair: a group takes from every principal in turn, and when
// it is full those who hold most of it give way (fair_queue.h).
//
// Callers that ask one thing after the other come back right after their answer. Were the next group begun
// at once, it would be made of the others alone, and two halves would take turns, each with a sync of its
// own; so those who were just answered may be waited for, for a part of what the group took (commit_delay
// and commit_siblings in PostgreSQL). Who is alone never waits.
//
// Threads: any may push; `serve` runs on the queue's own thread.
//
// Invariants:
//   (1) What push() accepted is served or shed, once, also during close(); what one principal pushed, in the
//       order of pushing.
//   (2) A group has 1 to group_max members.
//   (3) Nobody is waited for unless others waited while the last group was served, nor for longer than
//       half of what serving that took, nor than return_max.
#pragma once

#include <fmt/core.h>
#include <pthread.h>

#include <algorithm>
#include <chrono>
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
    using Answer = Serve;  // what is told of the group when it was served
    using Shed = std::function<void(Item item)>;  // in place of Serve, on the thread that pushed another
    struct Limits {
        std::size_t queue_max = 4096;
        std::size_t group_max = 64;  // bounds how long the first of a group waits for the others
        std::chrono::microseconds return_max{0};  // how long those who were just answered are waited for
    };
    struct Steps {
        Serve serve;
        Answer answer = nullptr;  // may be none, and so may shed
        Shed shed = nullptr;
    };

    // `name`: of its thread.
    CommitQueue(Limits limits, Steps steps, const char* name = "writer")
        : limits_(limits), steps_(std::move(steps)), name_(name), queue_(limits.queue_max) {}
    CommitQueue(const CommitQueue&) = delete;
    CommitQueue& operator=(const CommitQueue&) = delete;
    ~CommitQueue() { close(); }

    // ResourceExhausted when the queue is full and this one has to go, Unavailable after close().
    Status push(Item item, const std::string& principal = {}, Rank rank = Rank::Act) {
        typename FairQueue<Item>::Pushed pushed;
        bool are_all_there = false;
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
            are_all_there = queue_.size() >= awaited_;
        }
        if (are_all_there) {
            work_.notify_one();
        }
        if (pushed.shed && steps_.shed) {
            steps_.shed(std::move(*pushed.shed));
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
            await_who_comes_back(lock);
            while (!queue_.empty() && group.size() < limits_.group_max) {
                group.push_back(queue_.pop());
            }
            serving_ = true;
            lock.unlock();
            const auto begun = std::chrono::steady_clock::now();
            steps_.serve(group);
            served_in_ = std::chrono::steady_clock::now() - begun;
            lock.lock();
            at_once_ = std::min(group.size() + queue_.size(), limits_.group_max);
            lock.unlock();
            if (steps_.answer) {
                steps_.answer(group);
            }
            group.clear();
            lock.lock();
            serving_ = false;
        }
    }

    void await_who_comes_back(std::unique_lock<std::mutex>& lock) {
        const std::chrono::nanoseconds patience = std::min<std::chrono::nanoseconds>(served_in_ / 2, limits_.return_max);
        if (at_once_ > queue_.size() && patience.count() > 0) {
            awaited_ = at_once_;
            work_.wait_for(lock, patience, [this] { return closed_ || queue_.size() >= awaited_; });
            awaited_ = 1;
        }
    }

    const Limits limits_;
    const Steps steps_;
    const char* const name_;
    mutable std::mutex mutex_;
    std::condition_variable work_;
    FairQueue<Item> queue_;
    std::thread thread_;
    std::chrono::nanoseconds served_in_{};  // the last group, without its answers; of the queue's thread
    std::size_t at_once_ = 0;               // were there when it was served: its members, and who waited
    std::size_t awaited_ = 1;               // how many must wait for the thread to be woken
    bool serving_ = false;
    bool closed_ = false;
};

}  // namespace resonant::dispatch
