// A Doorkeeper turns away at once whom the precheck would deny: from live words, before anything is made for the
// call and on the caller's own thread. Everybody else goes in by the Door, which looks again.
//
// Threads: any. The Refusal belongs to who asked.
#pragma once

#include <functional>
#include <optional>

#include "resonant/call/call.h"

namespace resonant::dispatch {

struct Refusal {
    call::Reply reply;  // `denial` and `tool` are its whole body: `content` stays empty
    // What is left to do about it: ledger note, events, history. To be run once, soon; nobody waits for it.
    std::function<void()> books;
};

class Doorkeeper {
  public:
    Doorkeeper() = default;
    Doorkeeper(const Doorkeeper&) = delete;
    Doorkeeper& operator=(const Doorkeeper&) = delete;
    virtual ~Doorkeeper() = default;

    // Nothing when the call has to go in: it is not denied, or not by live words alone. Then nothing was counted
    // and the request is whole; else what is needed of it was taken.
    virtual std::optional<Refusal> turn_away(call::Request& request) = 0;
};

}  // namespace resonant::dispatch
