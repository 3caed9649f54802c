#include "resonant/sql/log_relief.h"

#include <sqlite3.h>

#include "resonant/sql/failure.h"
#include "resonant/sql/opening.h"

namespace resonant::sql {

Status LogRelief::run() {
    std::error_code missing;
    const std::uintmax_t bytes = std::filesystem::file_size(file_.string() + "-wal", missing);
    if (missing || bytes < kWorthwhileBytes) {
        return {};
    }
    if (connection_ == nullptr) {
        RESONANT_ASSIGN(auto connection, connect(file_, false));
        RESONANT_CHECK(connection->run("PRAGMA synchronous=FULL"));
        connection_ = std::move(connection);
    }
    sqlite3* const handle = connection_->handle();
    const int outcome = sqlite3_wal_checkpoint_v2(handle, "main", SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    const bool well = outcome == SQLITE_OK || outcome == SQLITE_BUSY;  // busy: another checkpoint is at it
    return well ? Status() : fail_sqlite(handle, outcome, "relieve the log of " + file_.string());
}

}  // namespace resonant::sql
