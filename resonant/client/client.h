// A Client is an agent outside the kernel: it comes by the plane through the kernel's data-plane
// socket (runtime/plane_door.h) and reads board and ring. include/resonant.h is its face in C.
//
// Threads and processes: any process of the kernel's user, or root, attaches; it may become another
// user afterwards. A Client belongs to one thread at a time.
//
// Invariants:
//   (1) Nothing here writes shared memory; asking to be woken is a request the kernel may refuse.
//   (2) No wait is endless: every exchange with the kernel has a time limit.
#pragma once

#include <memory>
#include <string>

#include "resonant/plane/agent_plane.h"

namespace resonant::client {

class Client {
  public:
    // NotFound when nobody listens at `path`; PermissionDenied, DataLoss, Conflict as
    // AgentPlane::attach(); Unavailable with the kernel's words when it refuses.
    static Result<std::unique_ptr<Client>> attach(const std::string& path);
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    const board::BoardView& board() const { return plane_->board(); }
    ring::Subscription& events() { return events_; }
    const ring::Subscription& events() const { return events_; }
    // Sleeps until there is news; the kernel is asked to raise the ring's flag first. False when the
    // time is over; Unavailable when the kernel has ended.
    Result<bool> wait(Nanos timeout);

  private:
    Client(Descriptor socket, std::unique_ptr<plane::AgentPlane> plane, ring::Subscription events)
        : socket_(std::move(socket)), plane_(std::move(plane)), events_(events) {}

    Descriptor socket_;
    std::unique_ptr<plane::AgentPlane> plane_;
    ring::Subscription events_;
};

}  // namespace resonant::client
