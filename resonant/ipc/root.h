// A Root is the private place of one start's services: a folder and a prefix of names in shared
// memory that no other start has used. Making one clears away what earlier starts left, so that a
// process that was killed while it created its services, which wedges iceoryx2, costs nothing but a
// new number.
//
// Threads and processes: one thread of the supervisor. One Root a base at a time, held by a lock.
//
// Invariants:
//   (1) The folder is 0700 and ours, or create() refuses.
//   (2) Whatever a root of this base left in its folder or in shared memory is gone when create()
//       returns, and what this one made is gone when it ends. Who still maps it keeps its pages.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "resonant/base/descriptor.h"
#include "resonant/base/result.h"
#include "resonant/ipc/channel.h"

namespace resonant::ipc {

class Root {
  public:
    // Takes `base`, a folder that is made when absent, for the start number `number`. Conflict when
    // another process holds it; PermissionDenied when it is not ours alone.
    static Result<std::unique_ptr<Root>> create(const std::filesystem::path& base, std::uint64_t number);
    Root(const Root&) = delete;
    Root& operator=(const Root&) = delete;
    ~Root();

    const Place& place() const { return place_; }

  private:
    Root(Descriptor lock, Place place) : lock_(std::move(lock)), place_(std::move(place)) {}
    Descriptor lock_;
    Place place_;
};

// A short base for the home: in $XDG_RUNTIME_DIR when that is ours, else in /tmp; the names of
// iceoryx2's sockets are long, and a home may lie anywhere.
std::filesystem::path base_for(const std::filesystem::path& home);

}  // namespace resonant::ipc
