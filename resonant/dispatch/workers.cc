#include "resonant/dispatch/workers.h"

#include <fmt/core.h>
#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>

#include "resonant/base/log.h"

namespace resonant::dispatch {
namespace {

constexpr double kNewest = 0.1;  // weight of the newest job in the mean

}  // namespace

Status Workers::post(Job job) {
    FairQueue<Job>::Pushed pushed;
    double retry_after = 0;
    {
        const std::lock_guard lock(mutex_);
        if (closed_) {
            return fail(Code::Unavailable, fmt::format("{}: the kernel is stopping; try again after its restart",
                                                       options_.name));
        }
        const std::string principal = job.principal;
        pushed = queue_.push(principal, job.rank, std::move(job));
        retry_after = retry_after_locked();
        if (!pushed.taken) {
            return fail(Code::ResourceExhausted,
                        fmt::format("{}: {} calls are waiting, the limit is {}; try again in {:.1f} s", options_.name,
                                    queue_.size(), options_.queue_max, retry_after));
        }
        if (idle_ < queue_.size() && threads_.size() < options_.threads_max) {
            threads_.emplace_back([this] { run(); });
            pthread_setname_np(threads_.back().native_handle(), options_.name.substr(0, 15).c_str());
        }
    }
    work_.notify_one();
    if (pushed.shed) {
        pushed.shed->shed ? pushed.shed->shed(retry_after) : carry(*pushed.shed);
    }
    return {};
}

void Workers::run() {
    std::unique_lock lock(mutex_);
    const auto may = [this](const std::string& principal) {
        const auto found = running_.find(principal);
        return found == running_.end() || found->second < options_.running_each_max;
    };
    for (;;) {
        std::optional<Job> job = queue_.pop_if(may);
        if (!job && closed_ && queue_.empty()) {
            return;
        }
        if (!job) {
            ++idle_;
            work_.wait(lock);
            --idle_;
            continue;
        }
        ++running_[job->principal];
        lock.unlock();
        const auto began = std::chrono::steady_clock::now();
        carry(*job);
        const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
        job->run = {};  // what it holds goes without the lock
        lock.lock();
        mean_s_ += kNewest * (took - mean_s_);
        if (--running_[job->principal] == 0) {
            running_.erase(job->principal);
        }
        if (idle_ > 0 && (closed_ || !queue_.empty())) {
            work_.notify_all();  // it may have been this principal's thread that others of it, or the end, waited for
        }
    }
}

void Workers::carry(const Job& job) {
    try {
        job.run();
    } catch (const std::exception& error) {
        log().error("{}: a job threw: {}", options_.name, error.what());
    }
}

double Workers::retry_after_locked() const {
    const double all = mean_s_ * static_cast<double>(queue_.size()) / static_cast<double>(options_.threads_max);
    return std::round(10 * std::clamp(all, 0.1, 30.0)) / 10;
}

double Workers::retry_after_s() const {
    const std::lock_guard lock(mutex_);
    return retry_after_locked();
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
