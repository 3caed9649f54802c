#include "resonant/ring/waker.h"

#include <array>
#include <chrono>
#include <utility>

namespace resonant::ring {
namespace {

constexpr Nanos kLook = from_seconds(1);  // an idle ring is looked at this often

}  // namespace

Waker::Waker(EventRing& ring, WaitStrategy strategy)
    : ring_(ring),
      strategy_(strategy),
      events_(*Subscription::over(ring.segment().data(), ring.segment().size())),
      thread_([this] { run(); }) {}

Waker::~Waker() {
    {
        const std::lock_guard lock(mutex_);
        over_ = true;
    }
    while (!ended_.load(std::memory_order_acquire)) {  // it may be about to sleep
        ring_.wake();
        std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    thread_.join();
    for (Next* waiting : std::exchange(waiting_, {})) {
        waiting->handle_.resume();
    }
}

// Returns whether the coroutine sleeps. Entered first, looked after: an event that came before the
// look is seen here, a later one by the thread, whose own place is not past it yet.
bool Waker::enter(Next& waiting, std::coroutine_handle<> handle) {
    const std::lock_guard lock(mutex_);
    if (over_ || waiting.look()) {
        return false;
    }
    waiting.handle_ = handle;
    waiting_.push_back(&waiting);
    return true;
}

void Waker::resume_those_with_news() {
    std::list<Next*> ready;
    {
        const std::lock_guard lock(mutex_);
        for (auto at = waiting_.begin(); at != waiting_.end();) {
            const auto here = at++;
            if ((*here)->look()) {
                ready.splice(ready.end(), waiting_, here);
            }
        }
    }
    for (Next* waiting : ready) {
        waiting->handle_.resume();
    }
}

void Waker::run() {
    std::array<Event, 64> passed;
    for (;;) {
        {
            const std::lock_guard lock(mutex_);
            if (over_) {
                break;
            }
        }
        if (events_.wait(&ring_, strategy_, kLook)) {
            while (events_.poll(passed) == passed.size()) {
            }
        }
        resume_those_with_news();
    }
    ended_.store(true, std::memory_order_release);
}

}  // namespace resonant::ring
