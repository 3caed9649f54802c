// The KernelPlane is the data plane as the kernel holds it: board, limits and ring, writable. There
// is one in a home. An AgentPlane (agent_plane.h) is the same read-only; guests get none.
//
// Threads and processes: any thread of the kernel process.
//
// Invariants:
//   (1) All three segments have one epoch.
//   (2) Nothing that is published carries memory text or arguments: ids, types and numbers only.
//   (3) Dampening is per (type, source): a pair may publish kDampenBurst events at once and one per
//       kDampenGap in the long run; what is beyond is dropped and counted. FAST events are never
//       dampened, and two pairs never dampen each other.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/board/limits.h"
#include "resonant/board/state_board.h"
#include "resonant/ring/subscription.h"

namespace resonant::plane {

inline constexpr Nanos kDampenGap = from_millis(1);
inline constexpr std::int64_t kDampenBurst = 1'000;

class KernelPlane {
  public:
    static Result<std::unique_ptr<KernelPlane>> create(Clock& clock, std::uint64_t epoch);
    KernelPlane(const KernelPlane&) = delete;
    KernelPlane& operator=(const KernelPlane&) = delete;

    board::StateBoard& board() { return *board_; }
    board::LimitsTable& limits() { return *limits_; }
    ring::EventRing& ring() { return *ring_; }
    Clock& clock() { return clock_; }

    // Publishes with time (coarse) and lane filled in. Returns the position, or -1 when dampened.
    // No allocation, no wait; 15-20 ns.
    std::int64_t publish(ring::EventType type, std::string_view source, std::uint32_t tool = 0,
                         std::array<std::uint64_t, 4> data = {}, float confidence = 1.0F);
    // Publishes a Custom event by name (cut to 47 bytes); data[0] is the hash of the whole name.
    std::int64_t publish_custom(std::string_view name, std::string_view source, float confidence);
    // Publishes an event that was checked (intake.h) as one of `source`; time and lane are filled in.
    std::int64_t republish(ring::Event event, std::string_view source);
    std::uint64_t dampened() const;

    // Writes one board field and publishes BoardFieldChanged (data: field, bits of the value as a
    // double).
    void set_field(board::Field field, double value, std::string_view source);
    // The same for fields of one user group, in one write; an event for each.
    Status set_fields(std::span<const board::FieldValue> values, std::string_view source);

    // Follows the ring from now on; valid as long as this plane.
    ring::Subscription subscribe() const;
    // Read-only descriptors for an AgentPlane: board, ring.
    Result<std::vector<Descriptor>> share() const;

  private:
    KernelPlane(Clock& clock, std::unique_ptr<board::StateBoard> board,
                std::unique_ptr<board::LimitsTable> limits, std::unique_ptr<ring::EventRing> ring);
    std::int64_t publish(ring::Event& event);
    struct Dampener;
    Clock& clock_;
    std::unique_ptr<board::StateBoard> board_;
    std::unique_ptr<board::LimitsTable> limits_;
    std::unique_ptr<ring::EventRing> ring_;
    std::shared_ptr<Dampener> dampener_;
};

}  // namespace resonant::plane
