#include "resonant/plane/agent_plane.h"

#include <fmt/core.h>

namespace resonant::plane {

AgentPlane::AgentPlane(shm::Segment board_segment, shm::Segment ring_segment,
                       board::BoardView board)
    : board_segment_(std::move(board_segment)),
      ring_segment_(std::move(ring_segment)),
      board_(board) {}

Result<std::unique_ptr<AgentPlane>> AgentPlane::attach(std::vector<Descriptor> descriptors) {
    if (descriptors.size() != 2) {
        return fail(Code::InvalidArgument,
                    fmt::format("attach: {} descriptors came, a plane has 2: board and ring",
                                descriptors.size()));
    }
    RESONANT_ASSIGN(shm::Segment board_segment,
                    shm::Segment::attach(std::move(descriptors[0]), Bytes{board::kPageBytes}));
    RESONANT_ASSIGN(shm::Segment ring_segment,
                    shm::Segment::attach(std::move(descriptors[1]), Bytes{ring::kRingBytes}));
    RESONANT_ASSIGN(const board::BoardView board,
                    board::BoardView::over(board_segment.data(), board_segment.size()));
    RESONANT_ASSIGN(const ring::Subscription first,
                    ring::Subscription::over(ring_segment.data(), ring_segment.size()));
    if (board.epoch() != first.epoch()) {
        return fail(Code::Conflict,
                    fmt::format("attach: the board is of epoch {}, the ring of {}; ask the "
                                "kernel for both again",
                                board.epoch(), first.epoch()));
    }
    return std::unique_ptr<AgentPlane>(
        new AgentPlane(std::move(board_segment), std::move(ring_segment), board));
}

Result<ring::Subscription> AgentPlane::subscribe() const {
    return ring::Subscription::over(ring_segment_.data(), ring_segment_.size());
}
Result<ring::Subscription> AgentPlane::subscribe(std::uint64_t position) const {
    return ring::Subscription::over(ring_segment_.data(), ring_segment_.size(), position);
}

}  // namespace resonant::plane
