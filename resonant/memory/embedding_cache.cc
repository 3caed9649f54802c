#include "resonant/memory/embedding_cache.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace resonant::memory {
namespace {

constexpr std::array<char, 8> kMagic{'R', 'S', 'N', 'E', 'M', 'B', '0', '1'};

struct Record {
    EmbeddingCache::Key key;
    Vector vector;
    std::array<std::uint8_t, 8> checksum;  // of key and vector: the first bytes of their SHA-256
};
static_assert(sizeof(Record) == 32 + 1536 + 8);
constexpr std::size_t kHeaderBytes = kMagic.size();

off_t offset_of(std::size_t record) {
    return static_cast<off_t>(kHeaderBytes + record * sizeof(Record));
}

std::array<std::uint8_t, 8> checksum_of(const Record& record) {
    std::array<std::uint8_t, 32> digest;
    SHA256(reinterpret_cast<const std::uint8_t*>(&record), offsetof(Record, checksum), digest.data());
    std::array<std::uint8_t, 8> checksum;
    std::memcpy(checksum.data(), digest.data(), checksum.size());
    return checksum;
}

std::uint64_t prefix_of(const EmbeddingCache::Key& key) {
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

EmbeddingCache::EmbeddingCache(Descriptor file, std::filesystem::path path, std::size_t records_max)
    : file_(std::move(file)), path_(std::move(path)), records_max_(records_max) {}

Result<std::unique_ptr<EmbeddingCache>> EmbeddingCache::open(const std::filesystem::path& folder,
                                                             std::size_t records_max) {
    std::error_code error;
    const bool made = std::filesystem::create_directories(folder, error);
    if (error) {
        return fail_errno("embedding cache: make " + folder.string(), error.value());
    }
    if (made) {
        std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    }
    const auto path = folder / "embeddings-v1";
    Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) {
        return fail_errno("embedding cache: open " + path.string(), errno);
    }
    std::unique_ptr<EmbeddingCache> cache(new EmbeddingCache(std::move(file), path, records_max));
    const FileLock lock(cache->file_.get());
    std::array<char, kMagic.size()> magic{};
    if (pread(cache->file_.get(), magic.data(), magic.size(), 0) !=
            static_cast<ssize_t>(magic.size()) ||
        magic != kMagic) {
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
    return write_whole(file_.get(), kMagic.data(), kMagic.size(), 0, path_);
}

Result<std::size_t> EmbeddingCache::whole_records() const {
    struct stat status {};
    if (fstat(file_.get(), &status) != 0) {
        return fail_errno("embedding cache: stat " + path_.string(), errno);
    }
    const auto size = static_cast<std::size_t>(status.st_size);
    return size < kHeaderBytes ? 0 : (size - kHeaderBytes) / sizeof(Record);
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

std::optional<Vector> EmbeddingCache::read(std::size_t record, const Key& key) const {
    Record found;
    if (pread(file_.get(), &found, sizeof found, offset_of(record)) !=
            static_cast<ssize_t>(sizeof found) ||
        found.key != key || found.checksum != checksum_of(found)) {
        return std::nullopt;
    }
    return found.vector;
}

std::optional<Vector> EmbeddingCache::find(const Key& key) {
    const std::lock_guard guard(mutex_);
    auto found = index_.find(prefix_of(key));
    if (found == index_.end()) {
        // A file that cannot be read now is a miss: the vector is computed, and insert() tells why.
        if (!catch_up()) {
            return std::nullopt;
        }
        found = index_.find(prefix_of(key));
    }
    return found == index_.end() ? std::nullopt : read(found->second, key);
}

Status EmbeddingCache::insert(const Key& key, const Vector& vector) {
    const std::lock_guard guard(mutex_);
    const FileLock lock(file_.get());
    RESONANT_CHECK(catch_up());
    const auto found = index_.find(prefix_of(key));
    if (found != index_.end() && read(found->second, key)) {
        return {};
    }
    if (indexed_ >= records_max_) {
        RESONANT_CHECK(reset());
    }
    Record record{key, vector, {}};
    record.checksum = checksum_of(record);
    RESONANT_CHECK(write_whole(file_.get(), &record, sizeof record, offset_of(indexed_), path_));
    index_[prefix_of(key)] = static_cast<std::uint32_t>(indexed_++);
    return {};
}

Status EmbeddingCache::forget(const Key& key) {
    const std::lock_guard guard(mutex_);
    const FileLock lock(file_.get());
    RESONANT_ASSIGN(const std::size_t whole, whole_records());
    const Record blank{};
    for (std::size_t record = 0; record < whole; ++record) {
        Key there;
        if (pread(file_.get(), there.data(), there.size(), offset_of(record)) ==
                static_cast<ssize_t>(there.size()) &&
            there == key) {
            RESONANT_CHECK(write_whole(file_.get(), &blank, sizeof blank, offset_of(record), path_));
        }
    }
    index_.erase(prefix_of(key));
    if (fdatasync(file_.get()) != 0) {
        return fail_errno("embedding cache: sync " + path_.string(), errno);
    }
    return {};
}

}  // namespace resonant::memory
