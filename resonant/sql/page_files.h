// SQLite's door to the files of a database, with two things of ours: each page of the main file ends in a checksum of
// its other bytes and its number, and what a commit appends to the log goes to the disk in one piece, into room that
// was made before.
// The layout is docs/formats/memory.md.
//
// Threads: as SQLite's own files; a file belongs to its connection.
//
// Invariants:
//   (1) A page that is not as it was written is remembered when it is read. The bytes are handed out all the same:
//       whoever asks decides what they are worth (Database refuses them unless they are the ledger's, which has its
//       own proof).
//   (2) The log has checksums of its own; its writes are held back only until they are synced, read or measured.
//   (3) Only a file with its mark beside it (kChecksumMark) is checked: a copy that another program made of it, page by
//       page, has stale checksums and no mark.
#pragma once

#include <cstdint>
#include <vector>

struct sqlite3;

namespace resonant::sql {

inline constexpr int kChecksumBytes = 8;              // reserved at the end of each page
inline constexpr const char* kChecksumMark = ".checked";  // an empty file beside the database
inline constexpr std::int32_t kApplicationId = 0x5265736f;  // "Reso": the file has checksums

// The name to open files with. Registers it at its first use.
const char* page_files();

// Numbers of the pages that `connection` has read and that are not as they were written, in order, each once.
std::vector<std::uint32_t> damaged_pages(sqlite3* connection);

// Whether the main file of `connection` was made with checksums.
bool has_checksums(sqlite3* connection);

}  // namespace resonant::sql
