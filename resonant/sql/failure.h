// A failure of SQLite as one of our Errors: what was tried, what SQLite says, and the way out.
//
// Any thread that holds the connection.
#pragma once

#include <string>
#include <string_view>

#include "resonant/base/result.h"

struct sqlite3;

namespace resonant::sql {

// The Error for result code `outcome` of `connection` (may be null when opening failed early).
// SQLITE_FULL becomes ResourceExhausted, CORRUPT and NOTADB DataLoss, READONLY PermissionDenied,
// a doubled key AlreadyExists, BUSY and unexplained I/O errors Unavailable.
std::unexpected<Error> fail_sqlite(sqlite3* connection, int outcome, std::string_view tried);

}  // namespace resonant::sql
