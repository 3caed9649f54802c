#include "resonant/runtime/upkeep.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <exception>

#include "resonant/base/log.h"

namespace resonant::runtime {
namespace {

constexpr auto kPeriod = std::chrono::seconds(1);
constexpr auto kRetry = std::chrono::seconds(5);
constexpr int kLowPriority = 10;

}  // namespace

void Upkeep::start(std::vector<Duty> duties, std::function<Result<std::size_t>()> index) {
    duties_ = std::move(duties);
    index_ = std::move(index);
    duty_thread_ = std::thread([this] { serve(); });
    index_thread_ = std::thread([this] { embed(); });
}

void Upkeep::nudge() {
    {
        const std::lock_guard lock(mutex_);
        news_ = true;
    }
    wake_.notify_all();
}

void Upkeep::stop() {
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) {
            return;
        }
        stopping_ = true;
    }
    wake_.notify_all();
    if (duty_thread_.joinable()) {
        duty_thread_.join();
        index_thread_.join();
        run_all();
    }
}

void Upkeep::run_all() {
    for (const Duty& duty : duties_) {
        try {
            const Status done = duty.work();
            if (!done) {
                log().warn("upkeep: {}: {}", duty.name, done.error().message);
            }
        } catch (const std::exception& error) {
            log().error("upkeep: {} threw: {}", duty.name, error.what());
        }
    }
}

void Upkeep::serve() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        lock.unlock();
        run_all();
        lock.lock();
        wake_.wait_for(lock, kPeriod, [this] { return stopping_; });
    }
}

void Upkeep::embed() {
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kLowPriority);
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        wake_.wait(lock, [this] { return stopping_ || news_; });
        news_ = false;
        lock.unlock();
        Result<std::size_t> left = std::size_t{0};
        try {
            left = index_();
        } catch (const std::exception& error) {
            left = fail(Code::Internal, error.what());
        }
        lock.lock();
        if (!left) {
            log().warn("index: {}", left.error().message);
            wake_.wait_for(lock, kRetry, [this] { return stopping_; });
        } else if (*left > 0) {
            news_ = true;
        }
    }
}

}  // namespace resonant::runtime
