// The PlaneDoor is the socket in the home (plane.sock) by which agents outside the kernel come by the
// data plane: sealed read-only descriptors of board and ring, and the wish to be woken. Lines of
// text: "share" with one descriptor, an end of a socketpair, on which the descriptors are sent;
// "batch NAME" likewise, for an engine's newest batch; "arm N" before sleeping behind position N.
// Answers begin with "ok" or say why not. See docs/formats/wire.md. "channel KIND" asks where
// helpers of this user find topics (channels.h). MCP and commands have the kernel's other socket.
//
// Belongs to the loop's thread.
//
// Invariants:
//   (1) Peers of another uid than the kernel's (or root) are refused by the socket; a peer may become
//       another user afterwards, or hand the descriptors on: they are good for reading only.
//   (2) The loop never waits for a peer: descriptors go only to an end that has nothing queued.
#pragma once

#include <filesystem>
#include <memory>

#include "resonant/engines/outputs.h"
#include "resonant/net/kernel_socket.h"
#include "resonant/plane/kernel_plane.h"
#include "resonant/runtime/channels.h"

namespace resonant::runtime {

class PlaneDoor {
  public:
    // `loop`, `plane`, `channels` and `outputs` outlive it.
    static Result<std::unique_ptr<PlaneDoor>> open(net::Loop& loop, plane::KernelPlane& plane,
                                                   Channels& channels, engines::Outputs& outputs,
                                                   const std::filesystem::path& path);
    PlaneDoor(const PlaneDoor&) = delete;
    PlaneDoor& operator=(const PlaneDoor&) = delete;

  private:
    PlaneDoor(plane::KernelPlane& plane, Channels& channels, engines::Outputs& outputs)
        : plane_(plane), channels_(channels), outputs_(outputs) {}
    std::string answer(net::KernelMessage& message);
    std::string share(net::KernelMessage& message);
    std::string share_batch(net::KernelMessage& message, const std::string& name);
    std::string channel(std::string_view kind);

    plane::KernelPlane& plane_;
    Channels& channels_;
    engines::Outputs& outputs_;
    std::unique_ptr<net::KernelSocket> socket_;
};

}  // namespace resonant::runtime
