#include "resonant/net/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

#include "resonant/base/ensure.h"

namespace resonant::net {

namespace {

constexpr std::uint64_t kWakeId = 0;
constexpr int kEventsAtOnce = 64;

std::int64_t now_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

Result<std::unique_ptr<Loop>> Loop::create() {
    Descriptor poll(epoll_create1(EPOLL_CLOEXEC));
    if (!poll) {
        return fail_errno("loop: epoll_create1", errno);
    }
    Descriptor wake(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!wake) {
        return fail_errno("loop: eventfd", errno);
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = kWakeId;
    if (epoll_ctl(poll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0) {
        return fail_errno("loop: watch its own wake-up", errno);
    }
    std::signal(SIGPIPE, SIG_IGN);
    return std::unique_ptr<Loop>(new Loop(std::move(poll), std::move(wake)));
}

Loop::Loop(Descriptor poll, Descriptor wake) : poll_(std::move(poll)), wake_(std::move(wake)) {}

Loop::~Loop() {
    // A task may own what unwatches itself at its end, so tasks go while the rest is still there.
    while (!posted_.empty()) {
        std::vector<Task> tasks;
        tasks.swap(posted_);
    }
}

bool Loop::in_loop() const {
    const std::thread::id thread = thread_.load(std::memory_order_acquire);
    return thread == std::thread::id{} || thread == std::this_thread::get_id();
}

void Loop::post(Task task) {
    {
        const std::lock_guard<std::mutex> guard(mutex_);
        posted_.push_back(std::move(task));
    }
    if (thread_.load(std::memory_order_acquire) == std::this_thread::get_id()) {
        posted_here_ = true;  // run() looks before it sleeps
        return;
    }
    const std::uint64_t one = 1;
    // The counter of an eventfd is full only while a wake-up is pending anyway.
    static_cast<void>(!::write(wake_.get(), &one, sizeof one));
}

void Loop::stop() {
    stopping_.store(true, std::memory_order_release);
    post([] {});
}

void Loop::run() {
    RESONANT_ENSURE(in_loop(), "a loop is run by one thread, always the same");
    thread_.store(std::this_thread::get_id(), std::memory_order_release);
    std::array<epoll_event, kEventsAtOnce> events{};
    while (!stopping_.load(std::memory_order_acquire)) {
        int wait_ms = run_timers();
        wait_ms = posted_here_ ? 0 : wait_ms;
        const int count = wait(events.data(), kEventsAtOnce, wait_ms);
        RESONANT_ENSURE(count >= 0 || errno == EINTR, "epoll_wait on our own descriptor");
        for (int i = 0; i < count; ++i) {
            const epoll_event& event = events[static_cast<std::size_t>(i)];
            if (event.data.u64 == kWakeId) {
                std::uint64_t drained = 0;
                static_cast<void>(!::read(wake_.get(), &drained, sizeof drained));
                run_posted();
            } else {
                dispatch(event.data.u64, event.events);
            }
        }
        if (std::exchange(posted_here_, false)) {
            run_posted();
        }
        worked_at_ = now_ns();
    }
    run_posted();
    stopping_.store(false, std::memory_order_release);
}

// Looks for events, and sleeps when there are none. Looking first is worth it while the next event comes
// within kSpin of the last: one that does widens the look, one that does not halves it, down to nothing.
int Loop::wait(epoll_event* events, int size, int wait_ms) {
    if (spin_ns_ > 0 && wait_ms != 0) {
        std::int64_t now = worked_at_;
        do {
            const int count = epoll_wait(poll_.get(), events, size, 0);
            if (count != 0) {
                spin_ns_ = kSpin;
                return count;
            }
            now = now_ns();
        } while (now - worked_at_ < spin_ns_ && !stopping_.load(std::memory_order_relaxed));
        spin_ns_ = spin_ns_ > kSpin / 8 ? spin_ns_ / 2 : 0;
    }
    const int count = epoll_wait(poll_.get(), events, size, wait_ms);
    if (count > 0 && now_ns() - worked_at_ < 4 * kSpin) {
        spin_ns_ = kSpin;
    }
    return count;
}

void Loop::run_posted() {
    std::vector<Task> tasks;
    {
        const std::lock_guard<std::mutex> guard(mutex_);
        tasks.swap(posted_);
    }
    for (Task& task : tasks) {
        task();
    }
}

int Loop::run_timers() {
    if (timers_.empty()) {
        return -1;
    }
    const std::int64_t now = now_ns();
    while (!timers_.empty() && timers_.begin()->first.first <= now) {
        const auto first = timers_.begin();
        const Task task = std::move(first->second);
        timer_due_.erase(first->first.second);
        timers_.erase(first);
        task();
    }
    if (timers_.empty()) {
        return -1;
    }
    return static_cast<int>((timers_.begin()->first.first - now) / 1'000'000) + 1;
}

void Loop::dispatch(std::uint64_t id, std::uint32_t events) {
    const auto found = watches_.find(id);
    if (found == watches_.end()) {
        return;  // unwatched by an earlier event of the same round
    }
    // The copy keeps the callback alive if it unwatches itself.
    const std::shared_ptr<Watch> watch = found->second;
    watch->ready(events);
}

Status Loop::watch(int fd, std::uint32_t events, Ready ready) {
    RESONANT_ENSURE(in_loop(), "watch() belongs to the loop's thread");
    RESONANT_ENSURE(!by_fd_.contains(fd), "one watch a descriptor");
    const std::uint64_t id = next_id_++;
    epoll_event event{};
    event.events = events;
    event.data.u64 = id;
    if (epoll_ctl(poll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
        return fail_errno("loop: watch descriptor " + std::to_string(fd), errno);
    }
    by_fd_[fd] = id;
    watches_[id] = std::make_shared<Watch>(Watch{fd, events, std::move(ready)});
    return {};
}

void Loop::change(int fd, std::uint32_t events) {
    const auto found = by_fd_.find(fd);
    RESONANT_ENSURE(found != by_fd_.end(), "change() needs a watched descriptor");
    Watch& watch = *watches_.at(found->second);
    if (watch.events == events) {
        return;
    }
    watch.events = events;
    epoll_event event{};
    event.events = events;
    event.data.u64 = found->second;
    RESONANT_ENSURE(epoll_ctl(poll_.get(), EPOLL_CTL_MOD, fd, &event) == 0, "epoll_ctl of a watched fd");
}

void Loop::unwatch(int fd) {
    const auto found = by_fd_.find(fd);
    if (found == by_fd_.end()) {
        return;
    }
    epoll_ctl(poll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    watches_.erase(found->second);
    by_fd_.erase(found);
}

std::uint64_t Loop::after(Nanos delay, Task task) {
    RESONANT_ENSURE(in_loop(), "after() belongs to the loop's thread; post() it");
    const std::uint64_t id = next_id_++;
    const std::int64_t due = now_ns() + delay.count;
    timers_.emplace(std::make_pair(due, id), std::move(task));
    timer_due_[id] = due;
    return id;
}

void Loop::cancel(std::uint64_t timer) {
    const auto found = timer_due_.find(timer);
    if (found == timer_due_.end()) {
        return;
    }
    timers_.erase({found->second, timer});
    timer_due_.erase(found);
}

}  // namespace resonant::net
