// Reasoners is the queue between monitors that fired and whoever thinks about them: an MCP client
// that asks reasoner.next, later a model of our own. It holds the context a reasoner needs: goal,
// value, threshold and the board as it was.
//
// Threads and processes: any thread of the kernel. next() blocks its caller; nothing else waits.
//
// Invariants:
//   (1) Waiting and taken escalations together are at most kEscalationsMax; one more is refused,
//       counted, and its monitor stays asleep.
//   (2) A monitor has at most one open escalation.
//   (3) A taken escalation that is not resolved within kTakenFor is handed out again.
//   (4) In memory only: a restart of the kernel forgets open escalations. Their monitors are gone
//       too, so nothing half-done is left over; the ledger has what was decided.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "resonant/agents/monitors.h"
#include "resonant/base/clock.h"
#include "resonant/base/result.h"

namespace resonant::agents {

inline constexpr std::size_t kEscalationsMax = 10'000;
inline constexpr Nanos kTakenFor = from_seconds(300);
inline constexpr std::size_t kNoteBytesMax = 4'096;

// What the reasoner decided: back to sleep, the action was carried out, or nothing was to be done.
enum class Outcome : std::uint8_t { Sleep, Execute, Dismiss };
std::string_view name_of(Outcome outcome);  // "sleep", "execute", "dismiss"
std::optional<Outcome> find_outcome(std::string_view name);

struct Escalation {
    std::uint64_t id = 0;
    Crossing crossing;
    std::string goal;
    std::string action;
    std::string owner;  // of the monitor
    std::shared_ptr<const board::Snapshot>
        snapshot;       // the board when it fired; shared by one cycle
    Nanos at{};         // wall clock
    std::string taker;  // principal that has it, empty while waiting
};

struct Resolution {
    Escalation escalation;
    Outcome outcome = Outcome::Sleep;
    std::string note;
};

class Reasoners {
  public:
    struct Stats {
        std::size_t waiting = 0;
        std::size_t taken = 0;
        std::uint64_t escalated = 0;
        std::uint64_t resolved = 0;
        std::uint64_t refused = 0;     // full, invariant (1)
        std::uint64_t still_open = 0;  // fired again while open, invariant (2)
    };

    explicit Reasoners(const Clock& clock);
    Reasoners(const Reasoners&) = delete;
    Reasoners& operator=(const Reasoners&) = delete;
    ~Reasoners();

    // Puts one in the queue and returns its id; 0 when it was refused or the monitor's is still
    // open.
    std::uint64_t escalate(const Crossing& crossing, const MonitorGroup& group,
                           std::shared_ptr<const board::Snapshot> snapshot);

    // Takes the oldest waiting escalation for `taker`, waiting up to `wait` for one. Nothing when
    // the time is over, `cancelled` was set (looked at every 20 ms; may be null) or close() was
    // called.
    std::optional<Escalation> next(std::string_view taker, Nanos wait,
                                   const std::atomic<bool>* cancelled = nullptr);

    // Settles one. NotFound: no such open id. Conflict: another principal has taken it.
    // InvalidArgument: the note is too long. A waiting one may be resolved without being taken.
    Result<Resolution> resolve(std::uint64_t id, Outcome outcome, std::string note,
                               std::string_view taker);

    Stats stats() const;
    void close();  // wakes everybody in next(), for shutdown

  private:
    struct Inner;
    std::unique_ptr<Inner> inner_;
};

}  // namespace resonant::agents
