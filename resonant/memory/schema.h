// The tables of the memory in SQLite, and their version. docs/formats/memory.md has the same
// tables.
//
// Called once, when a DataSea opens.
#pragma once

#include "resonant/base/result.h"
#include "resonant/sql/database.h"

namespace resonant::memory {

inline constexpr int kSchemaVersion = 3;

// Creates the tables when absent, and brings those of an older program up to date. Conflict when a newer program made them.
Status create_tables(sql::Database& database);

}  // namespace resonant::memory
