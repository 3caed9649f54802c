// The ContainedDoor is how agents of other users come by board, ring and MCP: two abstract names, which every user of
// this machine may connect to, and a token without which nothing is answered. It is shut until the owner opens it
// (`resonant agent address`); then it stays open over restarts, so that a contained agent attaches again by itself.
//
// The address that an agent is given is one word, "@resonant-UID-HASH:TOKEN": UID is the kernel's user, and an
// agent tells nobody else the token (somebody may hold the name while no kernel runs); HASH is of the home.
// At NAME: "share TOKEN" with one descriptor, as at plane.sock; "arm N", after a share on the same connection. At
// NAME-mcp: attach, as at kernel.sock, with the token (`resonant mcp` with the address in RESONANT_ADDRESS).
//
// Belongs to the loop's thread.
//
// Invariants:
//   (1) Without the token nobody is given a descriptor; what is given is sealed and read-only.
//   (2) Each admission is in the ledger before the descriptors are sent; at most 60 of a user a minute.
//   (3) Closing forgets the token and lets MCP clients go. What an agent has mapped stays readable until this kernel ends.
//   (4) Who comes this way is called contained: policy may ask more of it.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "resonant/base/clock.h"
#include "resonant/base/random.h"
#include "resonant/govern/ledger.h"
#include "resonant/mcp/kernel_front.h"
#include "resonant/net/kernel_socket.h"
#include "resonant/plane/kernel_plane.h"
#include "resonant/runtime/home.h"

namespace resonant::runtime {

// Sends descriptors to the end of a socketpair that came with `message`, without waiting. InvalidArgument when none came.
Status send_shared(net::KernelMessage& message, std::span<const int> descriptors, const std::string& words);
// The sealed descriptors of board and ring, sent so. "ok", or why not.
std::string share_plane(const plane::KernelPlane& plane, net::KernelMessage& message);
// "ok N", as EventRing::arm() has it, when `text` is "arm N"; empty when it is something else.
std::string arm_plane(plane::KernelPlane& plane, std::string_view text);
// Answers "fields": the names of user fields in the order of their numbers.
std::string list_fields(const plane::KernelPlane& plane);

class ContainedDoor {
  public:
    struct Parts {
        plane::KernelPlane& plane;
        govern::Ledger& ledger;
        const Clock& clock;
        Random& random;
        call::Door& door;        // of calls
        mcp::StdioFront& stdio;
    };
    // What `parts` names and `loop` outlive it.
    ContainedDoor(net::Loop& loop, const Parts& parts, Home home, std::size_t clients_max)
        : loop_(loop), parts_(parts), home_(std::move(home)), clients_max_(clients_max) {}

    // Open when it was left open. What stands in the way is logged: a kernel starts without it.
    void reopen();
    // The address; makes a token when there is none. Conflict when another process holds the name.
    Result<std::string> open();
    // The token is void from now on.
    Status close();

  private:
    Status listen();
    std::string answer(net::KernelMessage& message);
    std::string admit(net::KernelMessage& message);
    std::string name() const;

    net::Loop& loop_;
    Parts parts_;
    Home home_;
    std::size_t clients_max_;
    std::string token_;
    std::set<std::uint64_t> admitted_;  // connections
    std::map<uid_t, int> admissions_;   // of this minute
    std::int64_t minute_ = 0;
    std::unique_ptr<net::KernelSocket> socket_;
    std::unique_ptr<mcp::KernelFront> front_;
};

}  // namespace resonant::runtime
