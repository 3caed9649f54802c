// A Walk goes through the memories that a filter lets through, oldest first, in pages that begin behind the last id
// (keyset, not offset): the whole costs one pass over the table however many pages it takes.
//
// Belongs to one thread.
//
// Invariants:
//   (1) Each memory is met at most once, as it was when its page was read: a page is one read, so that a long walk
//       keeps no reader and no old state of the database. What is added after the first page is not met.
//   (2) A page holds at most about kWalkBytes of text, or one memory.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "resonant/memory/memory.h"
#include "resonant/sql/database.h"

namespace resonant::memory {

inline constexpr std::size_t kWalkBytes = 4 * 1024 * 1024;

class Walk {
  public:
    // `query`: only memories with one of its words; empty or without words: all. `after`: behind this id.
    Walk(sql::Database& database, Filter filter, std::string query, std::string viewer, MemoryId after = 0);

    // The next ones, at most `count`; none at the end.
    Result<std::vector<Memory>> next(std::size_t count);
    // How many memories the filter would let through if they were not private.
    struct Hidden {
        std::size_t own = 0;        // of the viewer
        std::size_t of_others = 0;
    };
    Result<Hidden> hidden();
    MemoryId after() const { return after_; }  // the last one met
    MemoryId last() const { return last_; }    // the newest id when it began; 0 before the first page

  private:
    sql::Database& database_;
    const Filter filter_;
    const std::string words_;  // as the text index understands them
    const std::string viewer_;
    MemoryId after_;
    MemoryId last_ = 0;
};

}  // namespace resonant::memory
