#include "resonant/dispatch/workers.h"

#include <fmt/format.h>
#include <pthread.h>

#include <exception>

#include "resonant/base/log.h"

namespace resonant::dispatch {

Status Workers::post(std::function<void()> job) {
    const std::lock_guard lock(mutex_);
    if (closed_) {
        return fail(Code::Unavailable, fmt::format("{}: the kernel is stopping; try again after its restart",
                                                   options_.name));
    }
    if (queue_.size() >= options_.queue_max) {
        return fail(Code::ResourceExhausted,
                    fmt::format("{}: {} calls are waiting, the limit is {}; try again in a second",
                                options_.name, queue_.size(), options_.queue_max));
    }
    queue_.push_back(std::move(job));
    if (idle_ < queue_.size() && threads_.size() < options_.threads_max) {
        threads_.emplace_back([this] { run(); });
        pthread_setname_np(threads_.back().native_handle(), options_.name.substr(0, 15).c_str());
    }
    work_.notify_one();
    return {};
}

void Workers::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        ++idle_;
        work_.wait(lock, [this] { return closed_ || !queue_.empty(); });
        --idle_;
        if (queue_.empty()) {
            return;
        }
        const std::function<void()> job = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        try {
            job();
        } catch (const std::exception& error) {
            log().error("{}: a job threw: {}", options_.name, error.what());
        }
        lock.lock();
    }
}

void Workers::close() {
    std::vector<std::thread> threads;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        threads.swap(threads_);
    }
    work_.notify_all();
    for (std::thread& thread : threads) {
        thread.join();
    }
}

std::size_t Workers::queued() const {
    const std::lock_guard lock(mutex_);
    return queue_.size();
}

}  // namespace resonant::dispatch
