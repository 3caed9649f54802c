// Workers carry the calls that are too slow for the I/O thread: a queue with a limit and threads made
// when they are needed, up to a maximum. One worker makes an ordered queue.
//
// Threads: any may post. Jobs run once, in the order of posting when there is one thread.
//
// Invariants:
//   (1) A job that post() accepted runs, also during close(): close() waits for it.
//   (2) A job that throws is a defect of ours: it is logged, the worker goes on.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "resonant/base/result.h"

namespace resonant::dispatch {

class Workers {
  public:
    struct Options {
        std::string name;
        std::size_t threads_max = 1;
        std::size_t queue_max = 1024;
    };

    explicit Workers(Options options) : options_(std::move(options)) {}
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;
    ~Workers() { close(); }

    // ResourceExhausted when the queue is full, Unavailable after close().
    Status post(std::function<void()> job);
    // Runs what is queued, then joins all threads.
    void close();
    std::size_t queued() const;

  private:
    void run();

    const Options options_;
    mutable std::mutex mutex_;
    std::condition_variable work_;
    std::deque<std::function<void()>> queue_;
    std::vector<std::thread> threads_;
    std::size_t idle_ = 0;
    bool closed_ = false;
};

}  // namespace resonant::dispatch
