// The Intake reads the rings that helpers of the same user wrote, judges each event by the helper's
// clearance, and republishes what is cleared on the kernel's ring; the rest is dropped and counted.
// (Seed E4: a process gets no write access for being trusted, each action is cleared.)
//
// Belongs to one thread of the kernel.
//
// Invariants:
//   (1) A helper's memory is input: each event is copied once, checked, and the copy is used. Nothing
//       a helper writes, however absurd, makes turn() do more than a bounded amount of work.
//   (2) What is republished has the kernel's time and lane and the helper's own source; it names no
//       tool, its confidence lies in 0..1, and only custom events have a name, of plain characters.
//   (3) taken = republished + refused + damaged + dampened, and lost counts what came too fast.
//   (4) A helper whose positions make no sense is cut off.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "resonant/plane/clearance.h"
#include "resonant/plane/kernel_plane.h"

namespace resonant::plane {

inline constexpr std::size_t kHelpersMax = 16;

class Intake {
  public:
    struct Stats {
        std::uint64_t taken = 0;
        std::uint64_t republished = 0;
        std::uint64_t refused = 0;   // not cleared
        std::uint64_t damaged = 0;   // unknown type, or a name that is none
        std::uint64_t dampened = 0;  // beyond the pace of its (type, source)
        std::uint64_t lost = 0;      // overwritten before it was read
        bool cut_off = false;
    };

    explicit Intake(KernelPlane& plane) : plane_(plane) {}
    Intake(const Intake&) = delete;
    Intake& operator=(const Intake&) = delete;

    // Takes a helper's ring, read from its beginning. `clearance` may be revoked by whoever else
    // holds it. PermissionDenied when the ring is not sealed, DataLoss when it is no exclusive ring,
    // ResourceExhausted beyond kHelpersMax, AlreadyExists for a name that is in use.
    Status admit(const std::string& helper, Descriptor ring, std::shared_ptr<Clearance> clearance);
    // Forgets a helper. NotFound.
    Status withdraw(const std::string& helper);
    // Reads at most `most` events of each helper; returns how many were taken.
    std::size_t turn(std::size_t most);

    std::size_t helpers() const { return helpers_.size(); }
    Result<Stats> stats(const std::string& helper) const;

  private:
    struct Helper;
    enum class Step : std::uint8_t { Took, Nothing, Moved };
    Step step(Helper& helper);
    void judge(Helper& helper, ring::Event& event, std::string_view source);

    KernelPlane& plane_;
    std::map<std::string, std::shared_ptr<Helper>> helpers_;
};

}  // namespace resonant::plane
