// Outputs hold the newest batch of every engine: the Data Sea's transient side. A new batch replaces
// the former one; who still reads that keeps it. (Seed: Engine Data Sea Protocol, overwritten file.)
//
// Each batch lies in a sealed memory segment, as one Arrow IPC file. Engines of this process read it in
// place; other processes map the same pages through the segment's descriptor, or the file of the same bytes
// in the folder, which is replaced by rename and never changed.
//
// Threads: any. Files of the folder are for any process that may read them.
//
// Invariants:
//   (1) Nobody copies a column to read it.
//   (2) A generation is never used twice for a name; a reader sees the former batch or the new one.
//   (3) Batches carry ids and numbers of public memories, never text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/base/descriptor.h"
#include "resonant/engines/batch.h"
#include "resonant/shm/segment.h"

namespace resonant::engines {

struct Output {
    std::string name;
    std::uint64_t generation = 0;
    std::int64_t at_ns = 0;
    std::size_t bytes = 0;  // of the Arrow IPC file; the segment may be longer
    std::shared_ptr<const shm::Segment> segment;
    Batch batch;  // over the segment
};

class Outputs {
  public:
    static constexpr std::size_t kBytesMax = 256U << 20;  // of one batch

    // Files go to `folder` (made 0700 when absent); those of a former kernel are removed.
    static Result<std::unique_ptr<Outputs>> open(std::filesystem::path folder, Clock& clock);
    Outputs(const Outputs&) = delete;
    Outputs& operator=(const Outputs&) = delete;

    // Makes `batch` the newest of `name` (a-z and _). ResourceExhausted past kBytesMax or when the disk
    // is full; the former one then stays.
    Status publish(const std::string& name, const Batch& batch);
    // Null when it has published nothing. O(log n), no copy.
    std::shared_ptr<const Output> newest(std::string_view name) const;
    std::vector<std::shared_ptr<const Output>> all() const;
    const std::filesystem::path& folder() const { return folder_; }

  private:
    Outputs(std::filesystem::path folder, Clock& clock)
        : folder_(std::move(folder)), clock_(clock) {}

    const std::filesystem::path folder_;
    Clock& clock_;
    mutable std::mutex mutex_;
    std::map<std::string, std::shared_ptr<const Output>, std::less<>> newest_;
};

}  // namespace resonant::engines
