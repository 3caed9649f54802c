// How a database file is made and connected to: for Database, and for those who need a connection of
// their own.
//
// Any thread.
#pragma once

#include <filesystem>
#include <memory>

#include "resonant/base/result.h"
#include "resonant/sql/database.h"

namespace resonant::sql {

// Creates an absent file so that only its owner can read it, and makes its name durable; an
// existing one is closed to others.
Status create_private(const std::filesystem::path& file);

// A connection with our settings to a file that is there. DataLoss when it is no database.
Result<std::unique_ptr<Connection>> connect(const std::filesystem::path& file, bool read_only);

}  // namespace resonant::sql
