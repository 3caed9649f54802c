// A ResourceWatch tells clients that watch resources which of them changed: it follows the ring, and looks
// at nothing while nobody watches.
//
// Belongs to the loop's thread.
//
// Invariants:
//   (1) A resource is told of at most once in kWatchEvery, however much happens.
//   (2) Reading a resource does not change one: calls that only read, and accesses, are no news.
//   (3) Events that were overwritten before they were seen count as a change of everything.
#pragma once

#include <set>
#include <string>

#include "resonant/mcp/gateway.h"
#include "resonant/mcp/server.h"
#include "resonant/plane/kernel_plane.h"

namespace resonant::runtime {

inline constexpr Nanos kWatchEvery = from_millis(250);

// Which resources an event is news for; both may be empty. `watched` are exact URIs.
std::set<std::string> changed_by(const ring::Event& event, const std::set<std::string>& watched);

class ResourceWatch {
  public:
    // `gateway` is told which resources of other servers are watched.
    ResourceWatch(net::Loop& loop, mcp::Server& server, plane::KernelPlane& plane, mcp::Gateway& gateway);
    ResourceWatch(const ResourceWatch&) = delete;
    ResourceWatch& operator=(const ResourceWatch&) = delete;
    ~ResourceWatch();

  private:
    void look();

    net::Loop& loop_;
    mcp::Server& server_;
    plane::KernelPlane& plane_;
    mcp::Gateway& gateway_;
    ring::Subscription events_;
    bool following_ = false;
    std::uint64_t lost_ = 0;
    double harmony_ = 0;  // as last told
    std::uint64_t timer_ = 0;
};

}  // namespace resonant::runtime
