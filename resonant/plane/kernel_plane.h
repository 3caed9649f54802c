// The KernelPlane is the data plane as the kernel holds it: board, limits and ring, writable. There is
// one in a home. An AgentPlane (agent_plane.h) is the same read-only; guests get none.
//
// Any thread of the kernel process.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/board/limits.h"
#include "resonant/board/state_board.h"
#include "resonant/ring/event_ring.h"

namespace resonant::plane {

class KernelPlane {
  public:
    static Result<std::unique_ptr<KernelPlane>> create(Clock& clock, std::uint64_t epoch);
    KernelPlane(const KernelPlane&) = delete;
    KernelPlane& operator=(const KernelPlane&) = delete;

    board::StateBoard& board() { return *board_; }
    board::LimitsTable& limits() { return *limits_; }
    ring::EventRing& ring() { return *ring_; }
    Clock& clock() { return clock_; }

    // Publishes with time and lane filled in. Dampened per (type, source): at most one per 1 ms of a
    // MEDIUM or SLOW pair that floods, counted, never FAST. Returns the position, or -1 when dampened.
    std::int64_t publish(ring::EventType type, std::string_view source, std::uint32_t tool = 0,
                         std::array<std::uint64_t, 4> data = {}, float confidence = 1.0F);
    std::int64_t publish_custom(std::string_view name, std::string_view source, float confidence);
    std::uint64_t dampened() const;

    // Writes one board field and publishes BoardFieldChanged (data: field, bits of the value as a double).
    void set_field(board::Field field, double value, std::string_view source);

    // Read-only descriptors for an AgentPlane: board, ring.
    Result<std::vector<Descriptor>> share() const;

  private:
    KernelPlane(Clock& clock, std::unique_ptr<board::StateBoard> board,
                std::unique_ptr<board::LimitsTable> limits, std::unique_ptr<ring::EventRing> ring);
    struct Dampener;
    Clock& clock_;
    std::unique_ptr<board::StateBoard> board_;
    std::unique_ptr<board::LimitsTable> limits_;
    std::unique_ptr<ring::EventRing> ring_;
    std::shared_ptr<Dampener> dampener_;
};

}  // namespace resonant::plane
