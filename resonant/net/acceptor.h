// An Acceptor takes connections off a listening socket, and keeps one descriptor in reserve for the moment
// when the process has none left: then one who waits is accepted on it, so that he can be refused
// in words, and the listener rests instead of being reported again and again.
//
// Belongs to the loop's thread.
//
// Invariants:
//   (1) At most kAcceptsAtOnce connections a turn: others have theirs.
//   (2) Out of descriptors it costs at most one accept in kRest, and goes on by itself.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "resonant/base/descriptor.h"
#include "resonant/base/result.h"
#include "resonant/base/units.h"
#include "resonant/net/loop.h"

namespace resonant::net {

inline constexpr int kAcceptsAtOnce = 64;
inline constexpr int kBacklog = 4'096;  // connections that wait to be accepted; the system may allow fewer
inline constexpr Nanos kRest = from_millis(50);

class Acceptor {
  public:
    enum class Room : std::uint8_t {
        Enough,
        Reserve,  // the reserved descriptor: say why and close it soon; nobody else is accepted meanwhile
    };
    // The socket is non-blocking and closed on exec. May not destroy the Acceptor.
    using Accepted = std::function<void(Descriptor socket, Room room)>;

    // Watches `listener`, which listens and is non-blocking.
    static Result<std::unique_ptr<Acceptor>> open(Loop& loop, Descriptor listener, Accepted accepted);
    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;
    ~Acceptor();

    int descriptor() const { return listener_.get(); }

  private:
    Acceptor(Loop& loop, Descriptor listener, Accepted accepted);
    Status watch();
    void accept();
    void use_reserve();
    void rest();

    Loop& loop_;
    Descriptor listener_;
    Descriptor reserve_;
    Accepted accepted_;
    bool short_of_room_ = false;  // reported, and not over yet
    std::uint64_t resting_ = 0;  // the timer that ends the rest
};

}  // namespace resonant::net
