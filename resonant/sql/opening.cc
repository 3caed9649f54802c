#include "resonant/sql/opening.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <cerrno>
#include <mutex>

#include "resonant/base/descriptor.h"
#include "resonant/sql/failure.h"
#include "resonant/sql/page_files.h"
#include "resonant/sql/letters.h"
#include "resonant/sql/term_postings.h"

namespace resonant::sql {
namespace {

constexpr int kBusyTimeoutMs = 5000;

// Temporary tables stay in memory, so that no stray file keeps what erase() took away.
constexpr const char* kPragmas =
    "PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY;"
    "PRAGMA cache_size=-8000;";

}  // namespace

Status create_private(const std::filesystem::path& file) {
    const Descriptor made(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!made) {
        return fail_errno("open database " + file.string(), errno);
    }
    struct ::stat facts {};
    if (::fstat(made.get(), &facts) != 0) {
        return fail_errno("stat " + file.string(), errno);
    }
    if ((facts.st_mode & 0077) != 0 && ::fchmod(made.get(), 0600) != 0) {
        return fail_errno("chmod 0600 " + file.string(), errno);
    }
    const std::filesystem::path parent = file.has_parent_path() ? file.parent_path() : ".";
    const Descriptor folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder || ::fsync(folder.get()) != 0) {
        return fail_errno("sync folder " + parent.string(), errno);
    }
    return {};
}

namespace {

// A kernel keeps the log file there as long as it has the database open; the last one to close it removes it.
bool is_closed(const std::filesystem::path& file) {
    std::error_code unseen;
    return !std::filesystem::exists(file.string() + "-wal", unseen) && !unseen;
}

// The file's name as SQLite's URI, with the promise that nobody changes it.
std::string immutable(const std::filesystem::path& file) {
    std::string uri = "file:";
    for (const char each : std::filesystem::absolute(file).string()) {
        if (each == '%' || each == '?' || each == '#') {
            uri += fmt::format("%{:02x}", static_cast<unsigned>(each));
        } else {
            uri += each;
        }
    }
    return uri + "?immutable=1";
}

}  // namespace

Result<std::unique_ptr<Connection>> connect(const std::filesystem::path& file, bool read_only) {
    // Statistics of memory cost a lock for each allocation, in all connections. Before SQLite's first use only.
    static std::once_flag configured;
    std::call_once(configured, [] { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); });
    std::error_code unseen;
    const std::filesystem::path mark = file.string() + kChecksumMark;
    const bool is_new = !read_only && std::filesystem::file_size(file, unseen) == 0;
    if (is_new) {
        RESONANT_CHECK(create_private(mark));
    }
    sqlite3* handle = nullptr;
    const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                      (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
    // Who only looks leaves no files beside a database of ours that no process has open.
    const bool untouched = read_only && is_closed(file) && std::filesystem::exists(mark, unseen);
    const int outcome = untouched
                            ? sqlite3_open_v2(immutable(file).c_str(), &handle, flags | SQLITE_OPEN_URI, page_files())
                            : sqlite3_open_v2(file.c_str(), &handle, flags, page_files());
    auto connection = std::make_unique<Connection>(handle);
    const std::string tried = "open database " + file.string();
    if (outcome != SQLITE_OK) {
        return fail_sqlite(handle, outcome, tried);
    }
    sqlite3_busy_timeout(handle, kBusyTimeoutMs);
    // Else a statement is compiled anew for each value that might make a partial index of use.
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_QPSG, 1, nullptr);
    if (is_new) {
        int reserved = kChecksumBytes;
        sqlite3_file_control(handle, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved);
        RESONANT_CHECK(connection->run("PRAGMA application_id=" + std::to_string(kApplicationId)));
    }
    const int prepared = sqlite3_exec(handle, kPragmas, nullptr, nullptr, nullptr);
    if (prepared != SQLITE_OK) {
        return fail_sqlite(handle, prepared, tried);
    }
    // The first look at the schema tells a file that is no database from one that is.
    const int looked =
        sqlite3_exec(handle, "SELECT count(*) FROM sqlite_schema", nullptr, nullptr, nullptr);
    if (looked != SQLITE_OK) {
        return fail_sqlite(handle, looked, tried);
    }
    RESONANT_CHECK(add_term_postings(handle));
    RESONANT_CHECK(add_letters(handle));
    RESONANT_ASSIGN(Statement id, connection->prepare("PRAGMA application_id"));
    RESONANT_CHECK(id.step());
    if (id.integer(0) == kApplicationId && std::filesystem::exists(mark, unseen) && !has_checksums(handle)) {
        return fail(Code::DataLoss, tried + ": its head says that its pages have no checksums, and they had; "
                                            "restore it from a copy");
    }
    return connection;
}

}  // namespace resonant::sql
