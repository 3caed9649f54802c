// A Waker lets coroutines wait for events: `co_await waker.next(subscription)` gives the next event.
// One thread sleeps behind the ring for all of them, so a thousand that wait cost what one does.
// (Seed: poll_async.)
//
// Threads and processes: in the process that writes the ring. Any thread may await; a coroutine goes
// on in the Waker's thread, or at once when there is an event already. A Subscription belongs to one
// coroutine at a time and stays where it is while that waits.
//
// Invariants:
//   (1) No wake is lost: a coroutine is entered in the list first and looks for news after that.
//   (2) Whoever waits when the Waker ends goes on with no event, in the ending thread.
//
// g++ 12 puts what is awaited in a loop's condition outside of the coroutine's frame: await in a
// statement of its own, as bench/ring_measures.h does.
//
// After the awaitable of the C++20 coroutines (co_await).
#pragma once

#include <atomic>
#include <coroutine>
#include <list>
#include <mutex>
#include <optional>
#include <thread>

#include "resonant/ring/subscription.h"

namespace resonant::ring {

class Waker {
  public:
    Waker(EventRing& ring, WaitStrategy strategy);
    Waker(const Waker&) = delete;
    Waker& operator=(const Waker&) = delete;
    ~Waker();

    // What `co_await` of next() waits with; a plain part of the coroutine's frame.
    class Next {
      public:
        Next(Waker& waker, Subscription& events) : waker_(waker), events_(events) {}
        Next(const Next&) = delete;
        Next& operator=(const Next&) = delete;
        bool await_ready() { return look(); }
        bool await_suspend(std::coroutine_handle<> handle) { return waker_.enter(*this, handle); }
        std::optional<Event> await_resume() const { return event_; }

      private:
        friend class Waker;
        bool look() {
            Event event;
            if (events_.poll(event) == Poll::Got) {
                event_ = event;
            }
            return event_.has_value();
        }
        Waker& waker_;
        Subscription& events_;
        std::coroutine_handle<> handle_;
        std::optional<Event> event_;
    };

    // The next event of `events`; nothing when the Waker has ended.
    Next next(Subscription& events) { return {*this, events}; }

  private:
    bool enter(Next& waiting, std::coroutine_handle<> handle);
    void run();
    void resume_those_with_news();

    EventRing& ring_;
    WaitStrategy strategy_;
    Subscription events_;
    std::mutex mutex_;
    std::list<Next*> waiting_;
    bool over_ = false;
    std::atomic<bool> ended_{false};
    std::thread thread_;
};

}  // namespace resonant::ring
