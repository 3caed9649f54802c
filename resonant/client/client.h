// A Client is an agent outside the kernel: it comes by the plane through the kernel's data-plane
// socket (runtime/plane_door.h) and reads board and ring. include/resonant.h is its face in C.
//
// Threads and processes: any process of the kernel's user, or root, attaches by HOME/plane.sock and may become another
// user afterwards; a process of another user attaches by the address that `resonant agent address` prints. A Client belongs to one thread at a time.
//
// Invariants:
//   (1) Nothing here writes shared memory; asking to be woken is a request the kernel may refuse.
//   (2) No wait is endless: every exchange with the kernel has a time limit.
//   (3) A sequence is (epoch, position). A reader whose kernel has ended is told so, maps what the next
//       one shares and reads its events from position 0 on; what it lost before stays counted.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/plane/agent_plane.h"

namespace resonant::client {

// A built-in field by name, also by its last part, or "user.N" with N from 0 to 63.
std::optional<board::Field> field_named(std::string_view name);

class Client {
  public:
    // NotFound when nobody listens at `path`; PermissionDenied when somebody else does; PermissionDenied, DataLoss, Conflict as
    // AgentPlane::attach(); Unavailable with the kernel's words when it refuses.
    static Result<std::unique_ptr<Client>> attach(const std::string& path);
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    const board::BoardView& board() const { return plane_->board(); }
    // A field by name, a user field too: "user.queue_depth", "queue_depth".
    std::optional<board::Field> field_named(std::string_view name) const;
    // Names of the user fields, by number: "user.queue_depth".
    const std::vector<std::string>& user_fields() const { return user_fields_; }
    ring::Subscription& events() { return events_; }
    const ring::Subscription& events() const { return events_; }
    // Goes to a position; what is no longer there is counted as lost.
    void seek(std::uint64_t position);
    ring::Sequence sequence() const { return {plane_->epoch(), events_.position()}; }
    // Events lost of every kernel this client was attached to.
    std::uint64_t lost() const { return lost_before_ + events_.lost(); }
    // Whether the kernel still holds the connection. A system call.
    bool is_alive() const;
    // Attaches to whatever kernel listens now, if one does. The same kernel: goes on where it was.
    // Another one: begins with its first event. Errors as attach(), and then nothing has changed.
    Status attach_again();
    // Sleeps until there is news; the kernel is asked to raise the ring's flag first. False when the
    // time is over; Unavailable when the kernel has ended.
    Result<bool> wait(Nanos timeout);

  private:
    Client(std::string path, Descriptor socket, std::unique_ptr<plane::AgentPlane> plane,
           ring::Subscription events)
        : path_(std::move(path)), socket_(std::move(socket)), plane_(std::move(plane)), events_(events) {}

    std::string path_;
    Descriptor socket_;
    std::unique_ptr<plane::AgentPlane> plane_;
    ring::Subscription events_;
    std::uint64_t lost_before_ = 0;
    std::vector<std::string> user_fields_;  // names, by number
};

}  // namespace resonant::client
