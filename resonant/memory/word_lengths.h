// WordLengths keep how many tokens memories have, between questions: bm25 weighs by it, and to fetch it is half of
// what a question costs.
//
// Threads: any.
//
// Invariant: an answer is that of the state that the connection sees. A length is kept with `facts` of memory_state,
// which every change of a memory counts up in its own transaction, and counts only where that is the same; a new
// memory has an id that none had before. What is not committed is not kept.
#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "resonant/memory/memory.h"
#include "resonant/sql/database.h"

namespace resonant::memory {

class WordLengths {
  public:
    // Tokens of each of `ids`, which ascend. `is_committed`: nobody is changing what the connection sees.
    // Cost: some ns for what is kept, 0.4 us for the others. Keeps up to 16 MiB.
    Result<std::vector<std::uint32_t>> of(sql::Connection& connection, std::span<const MemoryId> ids, bool is_committed);

  private:
    std::mutex mutex_;
    std::vector<std::uint64_t> kept_;  // by id: facts, and in the low bits the length
};

}  // namespace resonant::memory
