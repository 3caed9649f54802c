// The chain of the ledger: how an entry becomes bytes, how its hash is made, how reads become a Merkle
// root. docs/formats/ledger.md holds the same in words, so that others can verify it.
//
// Any thread; no state.
//
// Invariants:
//   (1) The bytes of an entry are unambiguous: each column with its type and length.
//   (2) A leaf and a node of the Merkle tree never hash alike (RFC 6962: 0x00 and 0x01 in front).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/govern/ledger.h"

namespace resonant::govern {

// One row of table `ledger`, without its own hash.
struct LedgerEntry {
    std::int64_t seq = 0;
    std::int64_t at_ns = 0;
    std::string kind;       // intent, outcome, denial, reads, event
    std::optional<std::int64_t> intent;  // of an outcome: the seq of its intent
    std::string principal;
    std::string role;
    std::string session;
    std::string tool;
    std::string access;
    std::optional<Hash> arguments_hash;
    std::string decision;   // allow, deny, ok, failed, unknown
    std::string stage;
    std::string rule;
    std::string reason;
    std::string stages;     // passages as JSON, empty when all passed in silence
    std::string effects;    // JSON
    std::int64_t mismatch = 0;
    std::int64_t ring_position = -1;
    std::int64_t duration_ns = 0;
    Hash previous{};
};

inline constexpr int kLedgerColumns = 20;  // those above; the hash is the 21st

// Writes values as the format wants them.
class Serial {
  public:
    void begin() { bytes_ = "resonant ledger 1\n"; }
    void integer(std::int64_t value);
    void text(std::string_view value);
    void blob(std::string_view value);
    void null() { bytes_ += 'N'; }
    void real(double value);
    const std::string& bytes() const { return bytes_; }
    std::string& buffer() { return bytes_; }

  private:
    void length(std::size_t size);
    std::string bytes_;
};

Hash hash_of(const LedgerEntry& entry);
Hash merkle_leaf(std::string_view row);
// Root of RFC 6962; of no leaves: SHA-256 of nothing.
Hash merkle_root(const std::vector<Hash>& leaves);

inline std::string_view view_of(const Hash& hash) {
    return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

}  // namespace resonant::govern
