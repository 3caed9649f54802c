// The PlaneDoor is the socket in the home (plane.sock) by which agents outside the kernel come by the
// data plane: sealed read-only descriptors of board and ring, and the wish to be woken. Lines of
// text: "share" with one descriptor, an end of a socketpair, on which the descriptors are sent;
// "batch NAME" likewise, for an engine's newest batch; "arm N" before sleeping behind position N.
// Answers begin with "ok" or say why not. See docs/formats/wire.md. "channel KIND" asks where
// helpers of this user find topics (channels.h). "helper NAME TYPES" with one descriptor hands in a
// sealed exclusive ring of the peer's own, whose events of those types are republished
// (plane/intake.h) as long as the peer stays connected; "news" says that there are some; "revoke NAME
// [TYPE]" takes a clearance away, "helpers" lists them. What a helper may ask for is the owner's policy;
// admissions and revocations stand in the ledger. "contained" opens the door for agents of other
// users and says its address, "contained close" shuts it (contained_door.h). MCP and commands have the kernel's other socket.
//
// Belongs to the loop's thread.
//
// Invariants:
//   (1) Peers of another uid than the kernel's (or root) are refused by the socket; a peer may become
//       another user afterwards, or hand the descriptors on: they are good for reading only.
//   (2) The loop never waits for a peer: descriptors go only to an end that has nothing queued.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "resonant/engines/outputs.h"
#include "resonant/govern/ledger.h"
#include "resonant/net/kernel_socket.h"
#include "resonant/plane/intake.h"
#include "resonant/plane/kernel_plane.h"
#include "resonant/runtime/channels.h"
#include "resonant/runtime/contained_door.h"

namespace resonant::runtime {

class PlaneDoor {
  public:
    struct Parts {
        plane::KernelPlane& plane;
        Channels& channels;
        engines::Outputs& outputs;
        govern::Ledger& ledger;
        ContainedDoor& contained;
    };
    // `loop` and what `parts` names outlive it.
    static Result<std::unique_ptr<PlaneDoor>> open(net::Loop& loop, const Parts& parts, plane::ClearancePolicy policy,
                                                   const std::filesystem::path& path);
    PlaneDoor(const PlaneDoor&) = delete;
    PlaneDoor& operator=(const PlaneDoor&) = delete;
    ~PlaneDoor();

  private:
    struct Cleared {
        std::uint64_t connection = 0;
        std::shared_ptr<plane::Clearance> clearance;
    };
    PlaneDoor(net::Loop& loop, const Parts& parts, plane::ClearancePolicy policy)
        : loop_(loop), parts_(parts), policy_(std::move(policy)), intake_(parts.plane) {}
    std::string answer(net::KernelMessage& message);
    std::string share_batch(net::KernelMessage& message, const std::string& name);
    std::string channel(std::string_view kind);
    std::string admit(net::KernelMessage& message);
    std::string revoke(std::string_view words);
    std::string told(const std::string& helper);
    std::string listed();
    void take_in();
    void closed(std::uint64_t connection);

    net::Loop& loop_;
    Parts parts_;
    plane::ClearancePolicy policy_;
    plane::Intake intake_;
    std::map<std::string, Cleared> cleared_;
    std::uint64_t timer_ = 0;
    std::unique_ptr<net::KernelSocket> socket_;
};

}  // namespace resonant::runtime
