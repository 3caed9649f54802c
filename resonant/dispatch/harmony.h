// HarmonyMeter measures what calls really did in the last five minutes, and makes the seven harmony scores of it.
// (Seed: Harmony vector.) Each score is 0 (bad) .. 1 (good); an empty window is all 1. What was measured stands
// beside them on the board under its own name and unit (board::Traffic), 0 in an empty window.
//
//   balance      1 - 2 |share of active calls - 1/2|; active = write, execute, delete
//   headroom     of calls a minute over the window: up to 60 -> 1, then falling to 0.2 at 220
//   swiftness    of the 95th percentile of durations: <= 0.5 s -> 1, 2 s -> 0.7, falling to 0.2 at 10 s
//   reliability  1 - 5 * error rate; an error is a call that was let through and did not give what was
//                asked; what governance refuses is no error
//   dharma       1 - violations / 10: the severities of the last 10 boundary violations in the window
//   accord       1 - debt / 10; one mismatch of declared and observed effects owes 1, half after 5 minutes
//   energy       0.6 (1 - 2 * share of calls over 1 s) + 0.4 * vitality of memory
//
// Threads: any; a mutex serialises. Cost: O(1) amortised, no allocation after construction.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>

#include "resonant/base/units.h"
#include "resonant/board/state_board.h"

namespace resonant::dispatch {

class HarmonyMeter {
  public:
    struct Call {
        Nanos at{};          // wall clock
        Nanos duration{};
        bool active = false;
        bool failed = false;
    };

    HarmonyMeter() = default;
    HarmonyMeter(const HarmonyMeter&) = delete;
    HarmonyMeter& operator=(const HarmonyMeter&) = delete;

    void record(const Call& call);
    // A call that crossed a boundary: refused by governor or rules. `severity` 0..1.
    void violate(Nanos at, double severity);
    // Declared and observed effects differ.
    void owe(Nanos at, double debt);
    // Mean zone weight of the memories, 0..1.
    void set_vitality(double vitality);

    struct Reading {
        board::Harmony harmony;
        board::Traffic traffic;
    };
    Reading measure(Nanos now);
    board::Harmony read(Nanos now) { return measure(now).harmony; }

  private:
    static constexpr std::size_t kBuckets = 60;             // of 5 s
    static constexpr std::int64_t kBucketNs = 5'000'000'000;
    static constexpr std::size_t kLatencies = 64;           // powers of sqrt 2 from 1 us
    struct Bucket {
        std::uint32_t calls = 0, active = 0, failed = 0, slow = 0;
        std::array<std::uint32_t, kLatencies> latencies{};
    };
    struct Violation {
        std::int64_t at_ns = 0;
        double severity = 0;
    };
    static std::size_t latency_class(Nanos duration);
    static double seconds_of(std::size_t latency_class);

    void advance(std::int64_t number);

    std::mutex mutex_;
    std::array<Bucket, kBuckets> buckets_{};
    Bucket sum_;                 // of all buckets
    std::int64_t newest_ = 0;    // number of the newest bucket
    std::array<Violation, 10> violations_{};
    std::size_t next_violation_ = 0;
    double debt_ = 0;
    std::int64_t debt_at_ns_ = 0;
    double vitality_ = 0.7;
};

}  // namespace resonant::dispatch
