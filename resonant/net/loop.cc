#include "resonant/net/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

#include "resonant/base/ensure.h"

namespace resonant::net {

namespace {

constexpr std::uint64_t kWakeKey = 0;  // no watch has generation 0
constexpr int kEventsAtOnce = 256;
constexpr std::int64_t kTick = 1'000'000;  // ns
constexpr std::int64_t kSleepMax = 3'600'000;  // ms
constexpr std::int64_t kDelayMax = std::int64_t{10} * 365 * 86'400 * 1'000'000'000;

std::uint64_t name_of(std::uint32_t generation, std::uint32_t number) { return std::uint64_t{generation} << 32 | number; }

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
    event.data.u64 = kWakeKey;
    if (epoll_ctl(poll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0) {
        return fail_errno("loop: watch its own wake-up", errno);
    }
    std::signal(SIGPIPE, SIG_IGN);
    return std::unique_ptr<Loop>(new Loop(std::move(poll), std::move(wake)));
}

Loop::Loop(Descriptor poll, Descriptor wake)
    : poll_(std::move(poll)), wake_(std::move(wake)), wheel_(static_cast<std::uint64_t>(now_ns() / kTick)) {}

Loop::~Loop() {
    // A task may own what unwatches itself at its end, so tasks go while the rest is still there.
    while (!posted_.empty()) {
        std::vector<Task> tasks;
        tasks.swap(posted_);
    }
    // Likewise: what they own finds neither timer nor watch, and cancels nothing.
    static_cast<void>(std::exchange(timers_, {}));
    static_cast<void>(std::exchange(watches_, {}));
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
            if (event.data.u64 == kWakeKey) {
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

// All that are due are named first: a task may cancel one of the others, or start new ones.
int Loop::run_timers() {
    if (wheel_.armed() == 0) {
        return -1;
    }
    std::int64_t now = now_ns();
    expired_.clear();
    due_.clear();
    wheel_.advance(static_cast<std::uint64_t>(now / kTick), expired_);
    for (const std::uint32_t number : expired_) {
        due_.push_back(name_of(timers_[number].generation, number));
    }
    for (const std::uint64_t timer : due_) {
        if (const Task task = take_timer(timer)) {
            task();
        }
    }
    const std::uint64_t left = wheel_.ticks_left();
    if (left == 0) {
        return -1;
    }
    now = now_ns();
    const auto until = static_cast<std::int64_t>(wheel_.now() + left) * kTick;
    return static_cast<int>(std::clamp<std::int64_t>((until - now + kTick - 1) / kTick, 0, kSleepMax));
}

// The task of a timer that is not over, which then is.
Loop::Task Loop::take_timer(std::uint64_t timer) {
    const auto number = static_cast<std::uint32_t>(timer);
    if (number >= timers_.size() || timers_[number].generation != timer >> 32) {
        return {};
    }
    Timer& taken = timers_[number];
    taken.generation = taken.generation + 1 == 0 ? 1 : taken.generation + 1;
    free_timers_.push_back(number);
    return std::exchange(taken.task, {});
}

void Loop::dispatch(std::uint64_t key, std::uint32_t events) {
    const auto fd = static_cast<std::uint32_t>(key);
    if (fd >= watches_.size() || !watches_[fd] || watches_[fd]->generation != key >> 32) {
        return;  // unwatched by an earlier event of the same round
    }
    running_ = watches_[fd].get();
    running_->ready(events);
    running_ = nullptr;
    ended_.reset();
}

Loop::Watch* Loop::watch_of(int fd) const {
    const auto index = static_cast<std::size_t>(fd);
    return fd >= 0 && index < watches_.size() ? watches_[index].get() : nullptr;
}

Status Loop::watch(int fd, std::uint32_t events, Ready ready) {
    RESONANT_ENSURE(in_loop(), "watch() belongs to the loop's thread");
    RESONANT_ENSURE(watch_of(fd) == nullptr, "one watch a descriptor");
    generation_ = generation_ + 1 == 0 ? 1 : generation_ + 1;
    epoll_event event{};
    event.events = events;
    event.data.u64 = name_of(generation_, static_cast<std::uint32_t>(fd));
    if (epoll_ctl(poll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
        return fail_errno("loop: watch descriptor " + std::to_string(fd), errno);
    }
    const auto index = static_cast<std::size_t>(fd);
    if (index >= watches_.size()) {
        watches_.resize(index + 1);
    }
    watches_[index] = std::make_unique<Watch>(Watch{generation_, events, std::move(ready)});
    return {};
}

void Loop::change(int fd, std::uint32_t events) {
    Watch* watch = watch_of(fd);
    RESONANT_ENSURE(watch != nullptr, "change() needs a watched descriptor");
    if (watch->events == events) {
        return;
    }
    watch->events = events;
    epoll_event event{};
    event.events = events;
    event.data.u64 = name_of(watch->generation, static_cast<std::uint32_t>(fd));
    RESONANT_ENSURE(epoll_ctl(poll_.get(), EPOLL_CTL_MOD, fd, &event) == 0, "epoll_ctl of a watched fd");
}

void Loop::unwatch(int fd) {
    if (watch_of(fd) == nullptr) {
        return;
    }
    epoll_ctl(poll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    std::unique_ptr<Watch> gone = std::move(watches_[static_cast<std::size_t>(fd)]);
    if (gone.get() == running_) {
        ended_ = std::move(gone);  // its callback is on the stack
    }
}

std::uint64_t Loop::after(Nanos delay, Task task) {
    RESONANT_ENSURE(in_loop(), "after() belongs to the loop's thread; post() it");
    if (free_timers_.empty()) {
        free_timers_.push_back(static_cast<std::uint32_t>(timers_.size()));
        timers_.emplace_back();
    }
    const std::uint32_t number = free_timers_.back();
    free_timers_.pop_back();
    timers_[number].task = std::move(task);
    // Rounded up: never early.
    const std::int64_t due = (now_ns() + std::clamp<std::int64_t>(delay.count, 0, kDelayMax) + kTick - 1) / kTick;
    wheel_.arm(number, static_cast<std::uint64_t>(due));
    return name_of(timers_[number].generation, number);
}

void Loop::cancel(std::uint64_t timer) {
    if (const Task task = take_timer(timer)) {
        wheel_.cancel(static_cast<std::uint32_t>(timer));
    }
}

}  // namespace resonant::net
