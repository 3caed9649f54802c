// SessionIds makes the ids of HTTP sessions, and knows its own again after a restart of the kernel: an id says when it
// was made and which revision was agreed on, and is signed, together with whose it is. So a client need not notice
// that the kernel is another one; most do not begin anew by themselves.
//
// Any thread; constant after construction.
//
// Invariants:
//   (1) An id holds 128 random bits, and nobody but its principal can use it.
//   (2) What it grants is nothing that its bearer's token does not grant.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "resonant/base/random.h"
#include "resonant/base/units.h"

namespace resonant::mcp {

inline constexpr Nanos kSessionLife = from_seconds(24 * 3600);  // an older id is not known again

class SessionIds {
  public:
    // `secret` outlives kernels; empty: ids die with this one. `started`: wall clock.
    SessionIds(std::string secret, Random& random, Nanos started);

    std::string make(std::string_view principal, std::string_view version, Nanos now) const;
    // Whether this principal was given this id.
    bool is_of(std::string_view id, std::string_view principal) const;
    // The revision agreed on, when an earlier kernel made this id for this principal.
    std::optional<std::string> of_before(std::string_view id, std::string_view principal) const;

  private:
    std::string signature(std::string_view head, std::string_view principal) const;

    const std::string secret_;
    Random& random_;
    const Nanos started_;
};

}  // namespace resonant::mcp
