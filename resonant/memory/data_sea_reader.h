// A DataSeaReader searches the Arrow copy from any process that may read its folder: it maps what is there, follows
// what is added, and needs neither SQLite nor Arrow. It sees public memories that have a vector, as of the last fold.
//
// Belongs to one thread. Any number of processes may read; they share the pages, and each holds less than 2 MB of its
// own.
//
// Invariants:
//   (1) An answer equals a full float32 scan of the rows that one manifest names (order: Scored).
//   (2) It never answers from damaged bytes: that is DataLoss, until the kernel has rebuilt them.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "resonant/memory/segment_set.h"

namespace resonant::memory {

class DataSeaReader {
  public:
    // NotFound when there is no copy yet; DataLoss when it is damaged. Cost: independent of the number of rows.
    // With `galaxy`, no file of any other is opened, and the manifest is cut down to its own; Unavailable as below.
    static Result<std::unique_ptr<DataSeaReader>> open(std::filesystem::path folder, std::string galaxy = {});
    DataSeaReader(const DataSeaReader&) = delete;
    DataSeaReader& operator=(const DataSeaReader&) = delete;

    // The `k` nearest rows that `filter` lets through, best first; valid until the next call. Follows the manifest
    // first (one stat). InvalidArgument when a number is not finite. `filter.galaxy`: only its segments are looked at;
    // Unavailable where an older program has written several galaxies to a file, until the kernel has written them anew.
    Result<std::span<const search::Scored>> nearest(const Vector& query, std::size_t k, const RowFilter& filter = {});
    // The same for several queries in one pass over the codes.
    Result<std::vector<std::vector<search::Scored>>> nearest_each(std::span<const Vector> queries, std::size_t k,
                                                          const RowFilter& filter = {});
    // Takes over the newest manifest; true when there was a newer one.
    Result<bool> follow();

    const Manifest& manifest() const { return set_->manifest(); }

  private:
    // Tells one file of the manifest's name from the next.
    struct Stamp {
        std::uint64_t inode = 0;
        std::int64_t changed_ns = 0;
        std::int64_t bytes = 0;
        bool operator==(const Stamp&) const = default;
    };

    DataSeaReader(std::filesystem::path folder, std::string galaxy)
        : folder_(std::move(folder)), galaxy_(std::move(galaxy)) {}
    // Follows, and sees whether the segments can tell the galaxies apart.
    Status prepare(const RowFilter& filter);

    const std::filesystem::path folder_;
    const std::string galaxy_;  // empty: all
    Stamp stamp_;
    std::shared_ptr<const SegmentSet> set_ = std::make_shared<SegmentSet>();
    std::vector<std::unique_ptr<search::CodeSearch>> searches_;
};

}  // namespace resonant::memory
