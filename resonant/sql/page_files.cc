#include "resonant/sql/page_files.h"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <mutex>
#include <new>
#include <set>
#include <string>

namespace resonant::sql {
namespace {

constexpr int kTellDamaged = 0x52'65'01;           // file controls of our own
constexpr int kTellChecked = 0x52'65'02;
constexpr std::size_t kGatheredMax = std::size_t{1} << 20;
constexpr std::size_t kPieceMax = 65'536;          // SQLite's files take less than 128 KiB at once
constexpr sqlite3_int64 kLogStep = sqlite3_int64{1} << 20;  // what a log grows by
constexpr sqlite3_int64 kLogHeaderBytes = 32;
constexpr std::size_t kReservedByte = 20;          // of the header: bytes kept at the end of each page
constexpr std::size_t kHeaderBytes = 100;

struct File {
    sqlite3_file base;  // first: SQLite knows the File by it
    bool is_main;
    bool is_log;
    bool marked;        // the mark beside it says that its pages have checksums
    bool checked;       // and so does its head
    std::set<std::uint32_t>* damaged;
    std::vector<char>* gathered;  // writes to the log that wait
    sqlite3_int64 gathered_at;
    sqlite3_int64 filled;  // of a log: its end, as far as this connection knows
    File* log;           // of a main file: its log, while that is open
    File* main;          // of a log: its main file

    sqlite3_file* inner() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

File* mine(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
sqlite3_file* inner(sqlite3_file* file) { return mine(file)->inner(); }

std::uint64_t checksum(const char* page, std::size_t size, std::uint64_t number) {
    constexpr std::uint64_t kPrime = 0x9E3779B185EBCA87U;
    std::array<std::uint64_t, 4> lanes = {number, ~number, number * kPrime, kPrime};
    std::size_t at = 0;
    const auto word = [&] {
        std::uint64_t value = 0;
        std::memcpy(&value, page + at, sizeof value);
        at += sizeof value;
        return value;
    };
    while (at + 32 <= size) {
        for (std::uint64_t& lane : lanes) {
            lane = std::rotl((lane ^ word()) * kPrime, 31);
        }
    }
    while (at + 8 <= size) {
        lanes[0] = std::rotl((lanes[0] ^ word()) * kPrime, 31);
    }
    std::uint64_t sum = 0;
    for (const std::uint64_t lane : lanes) {
        sum = (sum ^ lane) * kPrime;
        sum ^= sum >> 29;
    }
    return sum;
}

bool is_page(int amount, sqlite3_int64 at) {
    return amount >= 512 && std::has_single_bit(static_cast<unsigned>(amount)) && at % amount == 0;
}

void look_at_header(File& file, const char* bytes, int amount, sqlite3_int64 at) {
    if (at == 0 && amount >= static_cast<int>(kHeaderBytes)) {
        file.checked = file.marked && static_cast<unsigned char>(bytes[kReservedByte]) == kChecksumBytes;
    }
}

// A log that grows with each commit has the file system write down its new size with each, which takes as long as the
// bytes; so it grows by zeros, a step at once. SQLite takes them for the end of what is valid. A full disk is no failure
// of this: whoever needs the room will be told.
//
// Never behind a new header alone: SQLite syncs that before anything follows. Were zeros there first, a power cut could
// keep them and lose the header, and half of the log of before, long in the file, would be taken for the newest.
void fill_ahead(File& file, sqlite3_int64 end) {
    if (end <= kLogHeaderBytes || end <= file.filled) {
        return;
    }
    sqlite3_int64 size = 0;
    if (file.inner()->pMethods->xFileSize(file.inner(), &size) != SQLITE_OK || end < size) {
        file.filled = size;
        return;
    }
    static constexpr std::array<char, kPieceMax> kZeros{};
    file.filled = (end / kLogStep + 1) * kLogStep;
    for (sqlite3_int64 at = end; at < file.filled;) {
        const auto piece = static_cast<int>(std::min<sqlite3_int64>(kPieceMax, file.filled - at));
        if (file.inner()->pMethods->xWrite(file.inner(), kZeros.data(), piece, at) != SQLITE_OK) {
            return;
        }
        at += piece;
    }
}

int flush(File& file) {
    if (file.gathered == nullptr || file.gathered->empty()) {
        return SQLITE_OK;
    }
    int outcome = SQLITE_OK;
    for (std::size_t done = 0; done < file.gathered->size() && outcome == SQLITE_OK;) {
        const std::size_t size = std::min(kPieceMax, file.gathered->size() - done);
        outcome = file.inner()->pMethods->xWrite(file.inner(), file.gathered->data() + done, static_cast<int>(size),
                                                 file.gathered_at + static_cast<sqlite3_int64>(done));
        done += size;
    }
    if (outcome == SQLITE_OK) {
        fill_ahead(file, file.gathered_at + static_cast<sqlite3_int64>(file.gathered->size()));
    }
    file.gathered->clear();
    return outcome;
}

int close_file(sqlite3_file* file) {
    const int flushed = flush(*mine(file));
    const int outcome = inner(file)->pMethods->xClose(inner(file));
    if (mine(file)->main != nullptr) {
        mine(file)->main->log = nullptr;
    }
    delete mine(file)->damaged;
    delete mine(file)->gathered;
    return outcome == SQLITE_OK ? flushed : outcome;
}

int read_file(sqlite3_file* base, void* bytes, int amount, sqlite3_int64 at) {
    File& file = *mine(base);
    if (const int flushed = flush(file); flushed != SQLITE_OK) {
        return flushed;
    }
    const int outcome = file.inner()->pMethods->xRead(file.inner(), bytes, amount, at);
    if (outcome != SQLITE_OK || !file.is_main) {
        return outcome;
    }
    const char* page = static_cast<const char*>(bytes);
    look_at_header(file, page, amount, at);
    if (file.checked && is_page(amount, at)) {
        const std::size_t size = static_cast<std::size_t>(amount) - kChecksumBytes;
        const auto number = static_cast<std::uint64_t>(at / amount) + 1;
        std::uint64_t kept = 0;
        std::memcpy(&kept, page + size, sizeof kept);
        // A page that was never written is a hole in the file.
        const bool hole = kept == 0 && std::all_of(page, page + size, [](char byte) { return byte == 0; });
        if (!hole && kept != checksum(page, size, number)) {
            file.damaged->insert(static_cast<std::uint32_t>(number));
        }
    }
    return SQLITE_OK;
}

int gather(File& file, const char* bytes, int amount, sqlite3_int64 at) {
    const bool follows = at == file.gathered_at + static_cast<sqlite3_int64>(file.gathered->size());
    if (!follows || file.gathered->size() > kGatheredMax) {
        if (const int flushed = flush(file); flushed != SQLITE_OK) {
            return flushed;
        }
    }
    if (file.gathered->empty()) {
        file.gathered_at = at;
    }
    try {
        file.gathered->insert(file.gathered->end(), bytes, bytes + amount);
    } catch (const std::bad_alloc&) {
        return SQLITE_NOMEM;
    }
    return SQLITE_OK;
}

int write_file(sqlite3_file* base, const void* bytes, int amount, sqlite3_int64 at) {
    File& file = *mine(base);
    const char* given = static_cast<const char*>(bytes);
    if (file.is_log) {
        return gather(file, given, amount, at);
    }
    if (file.is_main) {
        look_at_header(file, given, amount, at);
        if (file.checked && is_page(amount, at)) {
            std::array<char, 65'536> page;  // the largest that SQLite knows
            const std::size_t size = static_cast<std::size_t>(amount) - kChecksumBytes;
            std::memcpy(page.data(), given, size);
            const auto number = static_cast<std::uint64_t>(at / amount) + 1;
            const std::uint64_t sum = checksum(page.data(), size, number);
            std::memcpy(page.data() + size, &sum, sizeof sum);
            const int outcome = file.inner()->pMethods->xWrite(file.inner(), page.data(), amount, at);
            if (outcome == SQLITE_OK) {
                file.damaged->erase(static_cast<std::uint32_t>(number));
            }
            return outcome;
        }
    }
    return file.inner()->pMethods->xWrite(file.inner(), bytes, amount, at);
}

// What the held writes must not outlast.
template <typename Call>
int after_flush(sqlite3_file* file, const Call& call) {
    const int flushed = flush(*mine(file));
    return flushed == SQLITE_OK ? call(inner(file)) : flushed;
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
    return after_flush(file, [&](sqlite3_file* to) {
        mine(file)->filled = 0;
        return to->pMethods->xTruncate(to, size);
    });
}
int sync_file(sqlite3_file* file, int flags) {
    return after_flush(file, [&](sqlite3_file* to) { return to->pMethods->xSync(to, flags); });
}
int size_of_file(sqlite3_file* file, sqlite3_int64* size) {
    return after_flush(file, [&](sqlite3_file* to) { return to->pMethods->xFileSize(to, size); });
}
int lock_file(sqlite3_file* file, int level) { return inner(file)->pMethods->xLock(inner(file), level); }
int unlock_file(sqlite3_file* file, int level) {
    return after_flush(file, [&](sqlite3_file* to) { return to->pMethods->xUnlock(to, level); });
}
int is_reserved(sqlite3_file* file, int* reserved) {
    return inner(file)->pMethods->xCheckReservedLock(inner(file), reserved);
}
int control_file(sqlite3_file* file, int what, void* argument) {
    if (what == kTellDamaged) {
        *static_cast<const std::set<std::uint32_t>**>(argument) = mine(file)->damaged;
        return SQLITE_OK;
    }
    if (what == kTellChecked) {
        *static_cast<bool*>(argument) = mine(file)->checked;
        return SQLITE_OK;
    }
    return inner(file)->pMethods->xFileControl(inner(file), what, argument);
}
int sector_of_file(sqlite3_file* file) { return inner(file)->pMethods->xSectorSize(inner(file)); }
int traits_of_file(sqlite3_file* file) { return inner(file)->pMethods->xDeviceCharacteristics(inner(file)); }
int map_shared(sqlite3_file* file, int region, int size, int extend, void volatile** where) {
    return inner(file)->pMethods->xShmMap(inner(file), region, size, extend, where);
}
int lock_shared(sqlite3_file* file, int offset, int count, int flags) {
    return inner(file)->pMethods->xShmLock(inner(file), offset, count, flags);
}
// What the log's index will name is in the log before anybody can see the index.
void order_shared(sqlite3_file* file) {
    if (mine(file)->log != nullptr) {
        flush(*mine(file)->log);  // under synchronous=FULL nothing is left by now
    }
    inner(file)->pMethods->xShmBarrier(inner(file));
}
int unmap_shared(sqlite3_file* file, int remove) { return inner(file)->pMethods->xShmUnmap(inner(file), remove); }
// Pages are read, never mapped: a mapped one would be used unchecked.
int fetch(sqlite3_file*, sqlite3_int64, int, void** where) {
    *where = nullptr;
    return SQLITE_OK;
}
int unfetch(sqlite3_file*, sqlite3_int64, void*) { return SQLITE_OK; }

constexpr sqlite3_io_methods kMethods = {
    3,           close_file,  read_file,   write_file,     truncate_file,  sync_file,   size_of_file,
    lock_file,   unlock_file, is_reserved, control_file,   sector_of_file, traits_of_file, map_shared,
    lock_shared, order_shared, unmap_shared, fetch,        unfetch};

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* base, int flags, int* flags_out) {
    auto* const system = static_cast<sqlite3_vfs*>(vfs->pAppData);
    File& file = *mine(base);
    std::memset(&file, 0, sizeof file);
    const int outcome = system->xOpen(system, name, file.inner(), flags, flags_out);
    if (outcome != SQLITE_OK) {
        return outcome;
    }
    file.is_main = (flags & SQLITE_OPEN_MAIN_DB) != 0;
    file.marked = file.is_main && name != nullptr && ::access((std::string(name) + kChecksumMark).c_str(), F_OK) == 0;
    file.is_log = (flags & SQLITE_OPEN_WAL) != 0;
    file.damaged = new (std::nothrow) std::set<std::uint32_t>;
    file.gathered = file.is_log ? new (std::nothrow) std::vector<char> : nullptr;
    if (file.damaged == nullptr || (file.is_log && file.gathered == nullptr)) {
        file.inner()->pMethods->xClose(file.inner());
        delete file.damaged;
        return SQLITE_NOMEM;
    }
    if (file.is_log) {
        file.main = mine(sqlite3_database_file_object(name));
        file.main->log = &file;
    }
    base->pMethods = &kMethods;
    return SQLITE_OK;
}

}  // namespace

const char* page_files() {
    static sqlite3_vfs vfs;  // SQLite keeps it in a list for the life of the process
    static std::once_flag registered;
    std::call_once(registered, [] {
        sqlite3_vfs* const system = sqlite3_vfs_find(nullptr);
        vfs = *system;  // what is not about files goes straight to the system's
        vfs.zName = "resonant-pages";
        vfs.pNext = nullptr;
        vfs.pAppData = system;
        vfs.szOsFile = static_cast<int>(sizeof(File)) + system->szOsFile;
        vfs.xOpen = open_file;
        sqlite3_vfs_register(&vfs, 0);
    });
    return vfs.zName;
}

std::vector<std::uint32_t> damaged_pages(sqlite3* connection) {
    const std::set<std::uint32_t>* found = nullptr;
    if (sqlite3_file_control(connection, "main", kTellDamaged, &found) != SQLITE_OK || found == nullptr) {
        return {};
    }
    return {found->begin(), found->end()};
}

bool has_checksums(sqlite3* connection) {
    bool checked = false;
    return sqlite3_file_control(connection, "main", kTellChecked, &checked) == SQLITE_OK && checked;
}

}  // namespace resonant::sql
