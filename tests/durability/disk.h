// A Disk stands between this test program and the kernel of the operating system: it sees every call that
// changes a file below its folder, can make the n-th of them fail, and can keep a record from which the folder
// is built again as a power cut at any moment might have left it. The calls are caught by their names, in
// SQLite and in Arrow as well (disk_test.cc defines them).
//
// One stands at a time; threads: any.
//
// Invariants:
//   (1) Without a Disk, and outside its folder, every call is passed on unchanged.
//   (2) What a power cut may do is what POSIX allows: of unsynced writes any sectors of 512 bytes, in any order; of
//       changed names those up to some moment after the last sync of their folder. What was synced stays.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace resonant::test {

struct Fault {
    std::uint64_t nth = 0;   // counted from 1 over all calls seen; 0: none
    int error_number = 5;    // EIO
    bool is_short = false;   // a write writes half and says so
    bool stays = false;      // every later call fails, too
};

class Disk {
  public:
    enum class Kind : std::uint8_t { Write, Truncate, Sync, SyncFolder, Rename, Unlink, Map, Allocate };

    explicit Disk(std::filesystem::path folder);
    Disk(const Disk&) = delete;
    Disk& operator=(const Disk&) = delete;
    ~Disk();

    void fail(const Fault& fault);
    std::uint64_t calls() const { return calls_.load(); }
    // True when a call was made to fail.
    bool struck() const { return struck_.load(); }

    // From here on calls are recorded; what the folder holds counts as synced.
    void record();
    std::size_t recorded();
    // Writes what a power cut after `count` recorded calls may have left into the empty folder `target`.
    void cut(std::size_t count, std::uint64_t seed, const std::filesystem::path& target);

    // For the caught calls: should this one fail? Then errno is set, and `half` told whether a write may do half.
    static bool strikes(Kind kind, const std::string& path, bool& half);
    static void saw(Kind kind, const std::string& path, std::uint64_t at, std::string bytes);
    // The path below the watched folder that `descriptor` or `path` means; empty when it is none.
    static std::string watched(int descriptor);
    static std::string watched(const char* path);

  private:
    struct Call {
        Kind kind = Kind::Write;
        int file = -1;
        std::uint64_t at = 0;
        std::string bytes;
        std::string path;
    };
    struct Picture;

    int file_of(const std::string& path);
    bool judges(Kind kind, bool& half);
    void note(Kind kind, const std::string& path, std::uint64_t at, std::string bytes);

    const std::filesystem::path folder_;
    std::atomic<std::uint64_t> calls_{0};
    std::atomic<bool> struck_{false};
    std::mutex mutex_;
    Fault fault_;
    bool recording_ = false;
    std::map<std::string, std::pair<int, std::string>> before_;  // files when record() was called
    std::map<std::string, int> files_;           // names now, and which file they mean
    int next_file_ = 0;
    std::vector<Call> record_;

    static std::atomic<Disk*> standing_;
};

}  // namespace resonant::test
