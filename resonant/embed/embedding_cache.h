// An EmbeddingCache keeps what an embedder computed in one file, values of one size by the hash of model and
// text, so that text seen before costs a read instead of a computation. What is computed of whole texts and what
// of their words are two kinds, each with a file of its own; of whole texts none can be read back.
//
// Any thread; any number of processes on one file. Appends take an exclusive lock on the file (flock);
// reads take none.
//
// Invariants:
//   (1) A value is returned only from a record that carries the wanted key and a right checksum: torn
//       tails, damage and a file emptied by another process read as "not there".
//   (2) Records are appended whole, at a multiple of the record size, under the lock; the next appender
//       overwrites a torn tail.
//   (3) The file holds at most Kind::records_max records; then it is emptied and fills anew.
// The cache is an aid: losing it loses time only. Layout: docs/formats/embedding_cache.md.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "resonant/base/descriptor.h"
#include "resonant/base/result.h"
#include "resonant/embed/embedder.h"

namespace resonant::embed {

class EmbeddingCache {
  public:
    using Key = std::array<std::uint8_t, 32>;
    struct Kind {
        const char* file;
        std::array<char, 8> magic;
        std::size_t value_bytes;
        std::size_t records_max;
    };
    // Vectors of texts; about 100 MB.
    static constexpr Kind kTexts{"embeddings-v1", {'R', 'S', 'N', 'E', 'M', 'B', '0', '1'}, sizeof(Vector), 65'536};

    // Opens or makes the kind's file in `folder` (folder 0700, file 0600). A file that is no such cache is emptied.
    static Result<std::unique_ptr<EmbeddingCache>> open(const std::filesystem::path& folder,
                                                        const Kind& kind = kTexts);

    // Whether `value`, of Kind::value_bytes, now holds what is kept under `key`; else it holds nothing of use. One
    // read of a record; on a miss, also the keys that other processes appended since.
    bool find(const Key& key, std::span<std::byte> value);
    // Keeps `value` under `key`, if it is not there yet. ResourceExhausted when the disk is full.
    Status insert(const Key& key, std::span<const std::byte> value);
    // The same for kTexts.
    std::optional<Vector> find(const Key& key);
    Status insert(const Key& key, const Vector& vector) { return insert(key, std::as_bytes(std::span(vector))); }
    // Overwrites every record under `key` with zeroes, for text that must be gone.
    Status forget(const Key& key);

  private:
    EmbeddingCache(Descriptor file, std::filesystem::path path, const Kind& kind);
    off_t offset_of(std::size_t record) const;
    bool read(std::size_t record, const Key& key);
    Result<std::size_t> whole_records() const;
    Status catch_up();
    Status reset();

    const Descriptor file_;
    const std::filesystem::path path_;
    const Kind kind_;
    std::mutex mutex_;
    std::vector<std::uint8_t> record_;  // the one read or written last: key, value, checksum
    std::unordered_map<std::uint64_t, std::uint32_t> index_;  // first 8 bytes of a key -> record
    std::size_t indexed_ = 0;                                 // records of the file that index_ knows
};

}  // namespace resonant::embed
