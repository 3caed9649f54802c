// A SegmentSet is the Arrow copy as one manifest names it: its segments, mapped, and the code book that they share.
//
// Threads: any; it never changes. A newer manifest makes a new set, which takes over what stays mapped.
//
// Invariants:
//   (1) Every segment that the manifest names is open, or there is no set.
//   (2) A question about one galaxy looks at its segments only, however many others there are.
//   (3) Without its code book, or with another's, a set still answers: it reads every vector.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/memory/manifest.h"
#include "resonant/memory/segment.h"

namespace resonant::memory {

class SegmentSet {
  public:
    SegmentSet() = default;
    // Cost: some microseconds a segment that `former` has not open already; no row is read.
    static Result<std::shared_ptr<const SegmentSet>> open(const std::filesystem::path& folder, Manifest manifest,
                                                          const SegmentSet* former);
    // No segments. The names of the former's files stay taken, so that none is ever written twice.
    static std::shared_ptr<const SegmentSet> none(const Manifest& former);

    const Manifest& manifest() const { return manifest_; }
    std::span<const std::shared_ptr<const Segment>> segments() const { return segments_; }
    // The codes' book; null when it is missing or damaged, or there is none.
    const std::shared_ptr<const search::CodeBook>& book() const { return book_; }

    // Places of the segments that may hold rows of `galaxy`, in their order; of all where it is empty.
    std::span<const std::uint32_t> places_of(std::string_view galaxy) const;

    // True where a segment holds several galaxies; then every question looks at all.
    bool is_mixed() const { return galaxies_.empty() && !segments_.empty(); }

    // Adds the rows that `filter` lets through, but those in `without` (sorted), to each search: several questions
    // share one pass over the codes. DataLoss when what it reads is damaged.
    Status scan(std::span<search::CodeSearch* const> searches, const RowFilter& filter,
                const std::vector<MemoryId>* without) const;

    // As Segment::check_file(), of all of them.
    Status check_files() const;

    // The vector of that id of `galaxy` (empty: of any), float[384], looked at for damage; null when there is none that
    // counts.
    const float* vector_of(MemoryId id, std::string_view galaxy = {}) const;

  private:
    Manifest manifest_;
    std::vector<std::shared_ptr<const Segment>> segments_;
    std::vector<std::uint32_t> places_;  // of all
    std::map<std::string, std::vector<std::uint32_t>, std::less<>> galaxies_;  // empty where a segment holds several
    std::shared_ptr<const search::CodeBook> book_;
};

// Writes a code book's file. The name it is given is in no manifest yet.
Status write_book(const std::filesystem::path& folder, const std::string& file, const search::CodeBook& book);

// CodeSearches kept for those who ask next. Threads: any.
class SearchPool {
  public:
    std::unique_ptr<search::CodeSearch> take();
    void give_back(std::unique_ptr<search::CodeSearch> search);

  private:
    std::mutex mutex_;
    std::vector<std::unique_ptr<search::CodeSearch>> idle_;  // guarded by mutex_
};

// One search out of a pool, for as long as this lives.
class PooledSearch {
  public:
    explicit PooledSearch(SearchPool& pool) : pool_(pool), search_(pool.take()) {}
    PooledSearch(const PooledSearch&) = delete;
    PooledSearch& operator=(const PooledSearch&) = delete;
    ~PooledSearch() { pool_.give_back(std::move(search_)); }
    search::CodeSearch* get() const { return search_.get(); }
    search::CodeSearch* operator->() const { return search_.get(); }

  private:
    SearchPool& pool_;
    std::unique_ptr<search::CodeSearch> search_;
};

}  // namespace resonant::memory
