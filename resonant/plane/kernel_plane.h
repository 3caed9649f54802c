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
//       dampened, changes of board fields neither (somebody may sleep until one comes), and two
//       pairs never dampen each other.
//   (4) Every change of the board that somebody may wait for is followed by an event, never preceded:
//       whoever is woken finds it there. (The heartbeat changes without one.)
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/board/limits.h"
#include "resonant/board/state_board.h"
#include "resonant/ring/subscription.h"

namespace resonant::plane {

inline constexpr Nanos kDampenGap = from_millis(1);
inline constexpr std::int64_t kDampenBurst = 1'000;
inline constexpr Nanos kNap = from_millis(100);

class KernelPlane {
  public:
    static Result<std::unique_ptr<KernelPlane>> create(Clock& clock, std::uint64_t epoch);
    KernelPlane(const KernelPlane&) = delete;
    KernelPlane& operator=(const KernelPlane&) = delete;

    board::StateBoard& board() { return *board_; }
    const board::StateBoard& board() const { return *board_; }
    board::LimitsTable& limits() { return *limits_; }
    ring::EventRing& ring() { return *ring_; }
    Clock& clock() { return clock_; }

    // Publishes with time (coarse) and lane filled in. Returns the position, or -1 when dampened or held.
    // No allocation, no wait; 15-20 ns.
    std::int64_t publish(ring::EventType type, std::string_view source, std::uint32_t tool = 0,
                         std::array<std::uint64_t, 4> data = {}, float confidence = 1.0F);
    // Publishes a Custom event by name (cut to 47 bytes); data[0] is the hash of the whole name.
    std::int64_t publish_custom(std::string_view name, std::string_view source, float confidence);
    // While it stands, what its thread publishes by this plane waits in `events`: what a transaction changes is
    // there for nobody before it is durable, and may be undone. One at a time.
    class Hold {
      public:
        Hold(KernelPlane& plane, std::vector<ring::Event>& events);
        Hold(const Hold&) = delete;
        Hold& operator=(const Hold&) = delete;
        ~Hold();

      private:
        KernelPlane& plane_;
    };
    // Publishes what waited, in its order.
    void release(std::span<const ring::Event> events);

    // Publishes an event that was checked (intake.h) as one of `source`; time and lane are filled in.
    std::int64_t republish(ring::Event event, std::string_view source);
    std::uint64_t dampened() const;

    // How long a sleeper behind the ring sleeps at most before it looks whether its call was cancelled. No news
    // depends on it; tests make it long and see that.
    Nanos nap() const { return Nanos{nap_ns_.load(std::memory_order_relaxed)}; }
    void set_nap(Nanos nap) { nap_ns_.store(nap.count, std::memory_order_relaxed); }

    // Publishes that a board field has changed (BoardFieldChanged; data: field, bits of the value as a double).
    void notify(board::Field field, double value, std::string_view source);
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
    std::int64_t publish_whole(ring::Event& event, Nanos now);
    struct Dampener;
    Clock& clock_;
    std::unique_ptr<board::StateBoard> board_;
    std::unique_ptr<board::LimitsTable> limits_;
    std::unique_ptr<ring::EventRing> ring_;
    std::shared_ptr<Dampener> dampener_;
    std::atomic<std::int64_t> nap_ns_{kNap.count};
    std::atomic<std::thread::id> holder_{};           // whose events wait
    std::vector<ring::Event>* held_ = nullptr;        // the holder's own
};

}  // namespace resonant::plane
