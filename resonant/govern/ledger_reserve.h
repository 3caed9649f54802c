// A Reserve is disk space set aside for the ledger: a file of zeros beside the database. When the disk is
// full it is given back, so that denials, batches of reads and events can still be written; while it is
// gone nothing else may write. It is made anew when there is room again.
//
// Threads: any.
//
// Invariants:
//   (1) While whole() is true the space is really allocated: blocks, not a hole.
//   (2) It is never made while that would leave the disk with less than its own size free.
#pragma once

#include <atomic>
#include <filesystem>
#include <mutex>

#include "resonant/base/clock.h"
#include "resonant/base/result.h"

namespace resonant::govern {

inline constexpr std::size_t kReserveBytes = std::size_t{1} << 20;

class Reserve {
  public:
    // Makes the file when there is room for it; when there is none, it starts as spent.
    Reserve(std::filesystem::path file, Clock& clock);
    Reserve(const Reserve&) = delete;
    Reserve& operator=(const Reserve&) = delete;

    // False after spend(), until there was room again. Looks at the disk at most once a second.
    bool whole();
    // Gives the space back to the disk. False when there was none left to give.
    bool spend();

  private:
    Status make();

    const std::filesystem::path file_;
    Clock& clock_;
    std::mutex mutex_;
    std::atomic<bool> whole_{false};
    Nanos looked_{};  // monotonic
};

}  // namespace resonant::govern
