#include "resonant/sql/page_owners.h"

#include <sqlite3.h>

#include <string_view>
#include <vector>

#include "resonant/sql/page_files.h"

namespace resonant::sql {
namespace {

constexpr std::string_view kProvesItself = "ledger";  // tables and indexes whose names begin so

// The table or index that a page belongs to; empty when nobody can tell.
std::string owner_of(const std::filesystem::path& file, std::uint32_t page) {
    sqlite3* connection = nullptr;
    sqlite3_stmt* row = nullptr;
    std::string owner;
    if (sqlite3_open_v2(file.c_str(), &connection, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK &&
        sqlite3_prepare_v2(connection, "SELECT name FROM dbstat WHERE pageno = ?", -1, &row, nullptr) == SQLITE_OK &&
        sqlite3_bind_int64(row, 1, page) == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW) {
        owner = reinterpret_cast<const char*>(sqlite3_column_text(row, 0));
    }
    sqlite3_finalize(row);
    sqlite3_close(connection);
    return owner;
}

}  // namespace

Status PageOwners::judge(sqlite3* connection) {
    if (!refuses.load(std::memory_order_acquire)) [[likely]] {
        const std::vector<std::uint32_t> pages = damaged_pages(connection);
        if (pages.empty()) [[likely]] {
            return {};
        }
        const std::lock_guard looking(mutex);
        for (const std::uint32_t page : pages) {
            if (tolerated.contains(page)) {
                continue;
            }
            const std::string owner = owner_of(file, page);
            if (owner.starts_with(kProvesItself)) {
                tolerated.insert(page);
                continue;
            }
            why = "database " + file.string() + ": page " + std::to_string(page) + " (" +
                  (owner.empty() ? "of nobody" : "of " + owner) +
                  ") is not as it was written; `resonant memory verify` says more, restore the file from a copy (one that another program made: remove " + file.string() + ".checked, too)";
            refuses.store(true, std::memory_order_release);
            break;
        }
        if (!refuses.load(std::memory_order_relaxed)) {
            return {};
        }
    }
    const std::lock_guard lock(mutex);
    return fail(Code::DataLoss, why);
}

}  // namespace resonant::sql
