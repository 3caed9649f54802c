#include "resonant/embed/embedding_cache.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "resonant/base/ensure.h"

namespace resonant::embed {
namespace {

using Key = EmbeddingCache::Key;
using Checksum = std::array<std::uint8_t, 8>;  // of key and value: the first bytes of their SHA-256

constexpr std::size_t kHeaderBytes = 8;  // the kind's magic

Checksum checksum_of(std::span<const std::uint8_t> key_and_value) {
    std::array<std::uint8_t, 32> digest;
    SHA256(key_and_value.data(), key_and_value.size(), digest.data());
    Checksum checksum;
    std::memcpy(checksum.data(), digest.data(), checksum.size());
    return checksum;
}

std::uint64_t prefix_of(const Key& key) {
    std::uint64_t prefix = 0;
    std::memcpy(&prefix, key.data(), sizeof prefix);
    return prefix;
}

Status write_whole(int file, const void* bytes, std::size_t size, off_t offset,
                   const std::filesystem::path& path) {
    const ssize_t written = pwrite(file, bytes, size, offset);
    if (written != static_cast<ssize_t>(size)) {
        // A short write means that the next byte found no room.
        return fail_errno("embedding cache: write " + path.string(), written < 0 ? errno : ENOSPC);
    }
    return {};
}

// Holds the file's exclusive lock.
class FileLock {
  public:
    explicit FileLock(int file) : file_(file) {
        while (flock(file_, LOCK_EX) != 0 && errno == EINTR) {
        }
    }
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;
    ~FileLock() { flock(file_, LOCK_UN); }

  private:
    const int file_;
};

}  // namespace

EmbeddingCache::EmbeddingCache(Descriptor file, std::filesystem::path path, const Kind& kind)
    : file_(std::move(file)),
      path_(std::move(path)),
      kind_(kind),
      record_(sizeof(Key) + kind.value_bytes + sizeof(Checksum)) {}

off_t EmbeddingCache::offset_of(std::size_t record) const {
    return static_cast<off_t>(kHeaderBytes + record * record_.size());
}

Result<std::unique_ptr<EmbeddingCache>> EmbeddingCache::open(const std::filesystem::path& folder,
                                                             const Kind& kind) {
    std::error_code error;
    const bool made = std::filesystem::create_directories(folder, error);
    if (error) {
        return fail_errno("embedding cache: make " + folder.string(), error.value());
    }
    if (made) {
        std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    }
    const auto path = folder / kind.file;
    Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) {
        return fail_errno("embedding cache: open " + path.string(), errno);
    }
    std::unique_ptr<EmbeddingCache> cache(new EmbeddingCache(std::move(file), path, kind));
    const FileLock lock(cache->file_.get());
    std::array<char, kHeaderBytes> magic{};
    if (pread(cache->file_.get(), magic.data(), magic.size(), 0) !=
            static_cast<ssize_t>(magic.size()) ||
        magic != kind.magic) {
        RESONANT_CHECK(cache->reset());
    }
    return cache;
}

// Empties the file. The caller holds its lock.
Status EmbeddingCache::reset() {
    index_.clear();
    indexed_ = 0;
    if (ftruncate(file_.get(), 0) != 0) {
        return fail_errno("embedding cache: empty " + path_.string(), errno);
    }
    return write_whole(file_.get(), kind_.magic.data(), kind_.magic.size(), 0, path_);
}

Result<std::size_t> EmbeddingCache::whole_records() const {
    struct stat status {};
    if (fstat(file_.get(), &status) != 0) {
        return fail_errno("embedding cache: stat " + path_.string(), errno);
    }
    const auto size = static_cast<std::size_t>(status.st_size);
    return size < kHeaderBytes ? 0 : (size - kHeaderBytes) / record_.size();
}

// Reads the keys of records that were appended since the last time, by whomever.
Status EmbeddingCache::catch_up() {
    RESONANT_ASSIGN(const std::size_t whole, whole_records());
    if (whole < indexed_) {  // another process emptied the file
        index_.clear();
        indexed_ = 0;
    }
    for (; indexed_ < whole; ++indexed_) {
        Key key;
        if (pread(file_.get(), key.data(), key.size(), offset_of(indexed_)) !=
            static_cast<ssize_t>(key.size())) {
            return fail_errno("embedding cache: read " + path_.string(), errno);
        }
        index_[prefix_of(key)] = static_cast<std::uint32_t>(indexed_);
    }
    return {};
}

// Whether record_ now holds that record, whole and under `key`.
bool EmbeddingCache::read(std::size_t record, const Key& key) {
    const std::span<const std::uint8_t> bytes(record_);
    if (pread(file_.get(), record_.data(), record_.size(), offset_of(record)) !=
            static_cast<ssize_t>(record_.size()) ||
        !std::ranges::equal(bytes.first(sizeof key), key)) {
        return false;
    }
    return std::ranges::equal(bytes.last(sizeof(Checksum)), checksum_of(bytes.first(bytes.size() - sizeof(Checksum))));
}

bool EmbeddingCache::find(const Key& key, std::span<std::byte> value) {
    RESONANT_ENSURE(value.size() == kind_.value_bytes, "a value has the size of its kind");
    const std::lock_guard guard(mutex_);
    auto found = index_.find(prefix_of(key));
    if (found == index_.end()) {
        // A file that cannot be read now is a miss: the value is computed, and insert() tells why.
        if (!catch_up()) {
            return false;
        }
        found = index_.find(prefix_of(key));
    }
    if (found == index_.end() || !read(found->second, key)) {
        return false;
    }
    std::memcpy(value.data(), record_.data() + sizeof key, value.size());
    return true;
}

std::optional<Vector> EmbeddingCache::find(const Key& key) {
    Vector vector;
    return find(key, std::as_writable_bytes(std::span(vector))) ? std::optional(vector) : std::nullopt;
}

Status EmbeddingCache::insert(const Key& key, std::span<const std::byte> value) {
    RESONANT_ENSURE(value.size() == kind_.value_bytes, "a value has the size of its kind");
    const std::lock_guard guard(mutex_);
    const FileLock lock(file_.get());
    RESONANT_CHECK(catch_up());
    const auto found = index_.find(prefix_of(key));
    if (found != index_.end() && read(found->second, key)) {
        return {};
    }
    if (indexed_ >= kind_.records_max) {
        RESONANT_CHECK(reset());
    }
    std::memcpy(record_.data(), key.data(), sizeof key);
    std::memcpy(record_.data() + sizeof key, value.data(), value.size());
    const Checksum checksum = checksum_of(std::span(record_).first(sizeof key + value.size()));
    std::memcpy(record_.data() + sizeof key + value.size(), checksum.data(), checksum.size());
    RESONANT_CHECK(write_whole(file_.get(), record_.data(), record_.size(), offset_of(indexed_), path_));
    index_[prefix_of(key)] = static_cast<std::uint32_t>(indexed_++);
    return {};
}

Status EmbeddingCache::forget(const Key& key) {
    const std::lock_guard guard(mutex_);
    const FileLock lock(file_.get());
    RESONANT_ASSIGN(const std::size_t whole, whole_records());
    const std::vector<std::uint8_t> blank(record_.size());
    for (std::size_t record = 0; record < whole; ++record) {
        Key there;
        if (pread(file_.get(), there.data(), there.size(), offset_of(record)) ==
                static_cast<ssize_t>(there.size()) &&
            there == key) {
            RESONANT_CHECK(write_whole(file_.get(), blank.data(), blank.size(), offset_of(record), path_));
        }
    }
    index_.erase(prefix_of(key));
    if (fdatasync(file_.get()) != 0) {
        return fail_errno("embedding cache: sync " + path_.string(), errno);
    }
    return {};
}

}  // namespace resonant::embed
