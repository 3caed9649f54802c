// An EmbeddingCache keeps computed vectors in one file, by the hash of model and text, so that text seen
// before costs a read instead of a computation. It holds no text.
//
// Any thread; any number of processes on one file. Appends take an exclusive lock on the file (flock);
// reads take none.
//
// Invariants:
//   (1) A vector is returned only from a record that carries the wanted key and a right checksum: torn
//       tails, damage and a file emptied by another process read as "not there".
//   (2) Records are appended whole, at a multiple of the record size, under the lock; the next appender
//       overwrites a torn tail.
//   (3) The file holds at most `records_max` records; then it is emptied and fills anew.
// The cache is an aid: losing it loses time only. Layout: docs/formats/embedding_cache.md.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "resonant/base/descriptor.h"
#include "resonant/base/result.h"
#include "resonant/memory/embedder.h"

namespace resonant::memory {

class EmbeddingCache {
  public:
    using Key = std::array<std::uint8_t, 32>;
    static constexpr std::size_t kRecordsMax = 65'536;  // about 100 MB

    // Opens or makes `folder`/embeddings-v1 (folder 0700, file 0600). A file that is no cache is emptied.
    static Result<std::unique_ptr<EmbeddingCache>> open(const std::filesystem::path& folder,
                                                        std::size_t records_max = kRecordsMax);

    // The vector kept under `key`, or nothing. One read of 1.5 KB; on a miss, also the keys that other
    // processes appended since.
    std::optional<Vector> find(const Key& key);
    // Keeps `vector` under `key`, if it is not there yet. ResourceExhausted when the disk is full.
    Status insert(const Key& key, const Vector& vector);
    // Overwrites every record under `key` with zeroes, for text that must be gone.
    Status forget(const Key& key);

  private:
    EmbeddingCache(Descriptor file, std::filesystem::path path, std::size_t records_max);
    std::optional<Vector> read(std::size_t record, const Key& key) const;
    Result<std::size_t> whole_records() const;
    Status catch_up();
    Status reset();

    const Descriptor file_;
    const std::filesystem::path path_;
    const std::size_t records_max_;
    std::mutex mutex_;
    std::unordered_map<std::uint64_t, std::uint32_t> index_;  // first 8 bytes of a key -> record
    std::size_t indexed_ = 0;                                 // records of the file that index_ knows
};

}  // namespace resonant::memory
