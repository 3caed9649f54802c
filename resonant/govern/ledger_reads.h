// ReadNotes gathers the calls that only read, between two flushes: like calls become one row with a
// count, so that sixty thousand health checks a second are a line and not a flood.
//
// Threads: any, at once.
//
// Invariants:
//   (1) Every call is counted. Beyond kReadRowsMax rows the arguments' hash is left out, never the call.
//   (2) The rows of a batch, in their order, are the leaves of its Merkle tree.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "resonant/govern/ledger_chain.h"

namespace resonant::govern {

inline constexpr std::size_t kReadRowsMax = 16'384;

struct ReadRow {
    std::string principal{};
    std::string role{};
    std::string session{};
    std::string tool{};
    std::optional<Hash> arguments_hash{};
    bool ok = true;
    std::int64_t count = 0;
    std::int64_t first_ns = 0;
    std::int64_t last_ns = 0;
    std::int64_t duration_ns = 0;  // of all together
};

class ReadNotes {
  public:
    void add(const call::Call& call, const Hash& arguments_hash, bool ok, Nanos duration);
    // Takes what was gathered.
    std::vector<ReadRow> take();
    // Puts back what could not be written.
    void give_back(std::vector<ReadRow> rows);

  private:
    void merge(ReadRow row);

    std::mutex mutex_;
    std::map<std::string, ReadRow, std::less<>> rows_;
};

// A batch as one blob, and back; nothing when the blob is damaged. Leaves are hashes of the rows' bytes.
std::string pack(const std::vector<ReadRow>& rows, std::vector<Hash>& leaves);
std::optional<std::vector<ReadRow>> unpack(std::string_view blob, std::vector<Hash>* leaves);

}  // namespace resonant::govern
