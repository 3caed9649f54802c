// Results keeps answers that were too large for one reply, so that the caller can read on. They
// live in memory for an hour: a kernel that ended has forgotten them, and says so.
//
// Threads: any.
//
// Invariants:
//   (1) A result is read only by the principal that got the cut answer.
//   (2) At most kCountMax results and kBytesMax bytes a principal; the oldest go first.
//   (3) No slice begins or ends inside a UTF-8 character.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>

#include "resonant/base/clock.h"
#include "resonant/base/result.h"

namespace resonant::society {

struct Slice {
    std::string text;
    std::size_t offset = 0;
    std::size_t next_offset = 0;  // equals total at the end
    std::size_t total = 0;
};

class Results {
  public:
    static constexpr std::size_t kCountMax = 32;                // a principal
    static constexpr std::size_t kBytesMax = 16 * 1024 * 1024;  // a principal
    static constexpr std::size_t kPrincipalsMax = 256;
    static constexpr Nanos kLifetime = from_seconds(3600);

    explicit Results(Clock& clock) : clock_(clock) {}
    Results(const Results&) = delete;
    Results& operator=(const Results&) = delete;

    // Returns the id, "r5". A text larger than kBytesMax is kept up to that size.
    std::string keep(const std::string& principal, std::string text);
    // NotFound for unknown, expired and others' results.
    Result<Slice> read(const std::string& id, const std::string& principal, std::size_t offset,
                       std::size_t limit);
    // All of everybody's: what was erased may stand in any of them.
    void forget();

  private:
    struct Kept {
        std::int64_t id;
        Nanos at;
        std::string text;
    };
    void forget_old(std::deque<Kept>& kept) const;

    Clock& clock_;
    std::mutex mutex_;
    std::int64_t last_ = 0;
    std::map<std::string, std::deque<Kept>> by_principal_;
};

}  // namespace resonant::society
