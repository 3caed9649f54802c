// Workers carry the calls that are too slow for the I/O thread: a fair queue with a limit, and threads made
// when they are needed, up to a maximum. One worker makes an ordered queue.
//
// Threads: any may post. Jobs of one principal start in the order of posting.
//
// Invariants:
//   (1) A job that post() accepted is run or shed, once, also during close(): close() waits for it.
//   (2) A job that throws is a defect of ours: it is logged, the worker goes on.
//   (3) One principal holds at most running_each_max threads; the others are there for everybody else.
//   (4) When the queue is full, somebody who holds more than a share of it gives way (fair_queue.h).
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/base/units.h"
#include "resonant/dispatch/fair_queue.h"

namespace resonant::dispatch {

class Workers {
  public:
    struct Options {
        std::string name;
        std::size_t threads_max = 1;
        std::size_t queue_max = 1024;
        std::size_t running_each_max = SIZE_MAX;  // threads of one principal
    };
    struct Job {
        std::function<void()> run;
        // Called in place of run() when the queue is full and others come first: from the thread that posted
        // those, with when there may be room again. Empty: it is run there and then.
        std::function<void(double retry_after_s)> shed = {};
        std::string principal = {};
        Rank rank = Rank::Operator;
    };

    explicit Workers(Options options) : options_(std::move(options)), queue_(options_.queue_max) {}
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;
    ~Workers() { close(); }

    // ResourceExhausted when the queue is full and this one has to go, Unavailable after close().
    Status post(Job job);
    Status post(std::function<void()> run) { return post(Job{.run = std::move(run)}); }
    // Runs what is queued, then joins all threads.
    void close();
    std::size_t queued() const;
    // Until the queue will have been worked off, by what jobs took lately: 0.1 to 30.
    double retry_after_s() const;

  private:
    void run();
    void carry(const Job& job);
    double retry_after_locked() const;

    const Options options_;
    mutable std::mutex mutex_;
    std::condition_variable work_;
    FairQueue<Job> queue_;
    std::unordered_map<std::string, std::size_t> running_;  // by principal
    double mean_s_ = 0.05;                                  // of a job, the newest weigh most
    std::vector<std::thread> threads_;
    std::size_t idle_ = 0;
    bool closed_ = false;
};

}  // namespace resonant::dispatch
