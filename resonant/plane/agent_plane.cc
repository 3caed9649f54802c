#include "resonant/plane/agent_plane.h"

#include <fmt/format.h>

namespace resonant::plane {
namespace {

constexpr std::size_t kBoardBytes = 4096;

}  // namespace

AgentPlane::AgentPlane(shm::Segment board_segment, shm::Segment ring_segment, board::BoardView board)
    : board_segment_(std::move(board_segment)), ring_segment_(std::move(ring_segment)), board_(board) {}

Result<std::unique_ptr<AgentPlane>> AgentPlane::attach(std::vector<Descriptor> descriptors) {
    if (descriptors.size() != 2) {
        return fail(Code::InvalidArgument,
                    fmt::format("attach: {} descriptors came, a plane is two: board and ring", descriptors.size()));
    }
    RESONANT_ASSIGN(shm::Segment board, shm::Segment::attach(std::move(descriptors[0]), Bytes{kBoardBytes}));
    RESONANT_ASSIGN(shm::Segment ring, shm::Segment::attach(std::move(descriptors[1]), Bytes{ring::kRingBytes}));
    RESONANT_ASSIGN(const board::BoardView view, board::BoardView::over(board.data(), board.size()));
    RESONANT_ASSIGN(const ring::Subscription probe, ring::Subscription::over(ring.data(), ring.size()));
    if (probe.epoch() != view.epoch()) {
        return fail(Code::DataLoss, fmt::format("attach: the board is of epoch {}, the ring of {}; they are of "
                                                "two kernels: ask the running one again",
                                                view.epoch(), probe.epoch()));
    }
    return std::unique_ptr<AgentPlane>(new AgentPlane(std::move(board), std::move(ring), view));
}

Result<ring::Subscription> AgentPlane::subscribe() const {
    return ring::Subscription::over(ring_segment_.data(), ring_segment_.size());
}

Result<ring::Subscription> AgentPlane::subscribe(std::uint64_t position) const {
    return ring::Subscription::over(ring_segment_.data(), ring_segment_.size(), position);
}

}  // namespace resonant::plane
