// The AgentPlane is the data plane as an agent outside the kernel holds it: the board to read and
// the ring to follow. It has no function that writes, so a wrong call does not compile, and its
// mappings are read-only in the page table, so a stray pointer cannot write either.
//
// Threads and processes: any thread of the attached process; each Subscription belongs to one
// thread.
//
// Invariants:
//   (1) Both segments come from the same kernel: their epochs are equal, or attach() refuses.
//   (2) When the kernel dies the mappings stay readable and stand still; attach again to go on.
#pragma once

#include <memory>
#include <vector>

#include "resonant/base/descriptor.h"
#include "resonant/base/result.h"
#include "resonant/board/state_board.h"
#include "resonant/ring/subscription.h"
#include "resonant/shm/segment.h"

namespace resonant::plane {

class AgentPlane {
  public:
    // From the descriptors of KernelPlane::share(), in that order. InvalidArgument for another
    // number of them, PermissionDenied when one is not sealed, DataLoss when one is no board or no
    // ring, Conflict when they are of two kernels.
    static Result<std::unique_ptr<AgentPlane>> attach(std::vector<Descriptor> descriptors);
    AgentPlane(const AgentPlane&) = delete;
    AgentPlane& operator=(const AgentPlane&) = delete;

    const board::BoardView& board() const { return board_; }
    std::uint64_t epoch() const { return board_.epoch(); }
    // Follows the ring from now on. Valid as long as this plane.
    Result<ring::Subscription> subscribe() const;
    Result<ring::Subscription> subscribe(std::uint64_t position) const;

  private:
    AgentPlane(shm::Segment board_segment, shm::Segment ring_segment, board::BoardView board);
    shm::Segment board_segment_;
    shm::Segment ring_segment_;
    board::BoardView board_;
};

}  // namespace resonant::plane
