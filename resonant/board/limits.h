// The LimitsTable is a second sealed segment beside the board: 65,536 rows of packed words by dense id,
// one row a tool and one a pair of agent and tool. Breaker and limiter decisions are made on these live
// words; nothing else remembers them.
//
// Threads and processes: any thread of the one writing process changes words (by compare-exchange); any
// process reads them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/base/units.h"
#include "resonant/shm/segment.h"

namespace resonant::board {

inline constexpr std::uint32_t kLimitRows = 65'536;
inline constexpr std::uint32_t kPermanentRows = 32'768;

enum class BreakerState : std::uint8_t { Closed, Open, HalfOpen };

struct BreakerPolicy {
    std::uint32_t failures_max = 5;       // within the window
    Nanos window = from_seconds(60);
    Nanos cooldown = from_seconds(30);
};

struct BreakerReading {
    BreakerState state = BreakerState::Closed;
    std::uint32_t failures = 0;
    double retry_after_s = 0;             // while open
};

struct LimitReading {
    bool allowed = true;
    std::uint32_t used = 0;               // calls that count against the window now
    std::uint32_t limit = 0;
    double retry_after_s = 0;             // exact: a call at that time is allowed
};

class LimitsTable {
  public:
    static Result<std::unique_ptr<LimitsTable>> create(std::uint64_t epoch);
    LimitsTable(const LimitsTable&) = delete;
    LimitsTable& operator=(const LimitsTable&) = delete;
    ~LimitsTable();

    // The row of a key ("tool:memory.add", "agent:uid:1000", "agent:uid:1000/tool:memory.add"), made on
    // first use; idle rows are reused oldest first, never one with a live penalty. ResourceExhausted.
    Result<std::uint32_t> row(std::string_view key, Nanos now);
    // The same for a key that lives as long as the table, such as a tool: never reused, so the row's number
    // may be kept. At most kPermanentRows.
    Result<std::uint32_t> permanent_row(std::string_view key, Nanos now);
    std::string key(std::uint32_t row) const;  // empty for a free row

    // Sliding window of 60 s. peek() changes nothing; take() counts the call when it is allowed.
    LimitReading peek(std::uint32_t row, std::uint32_t limit, Nanos now) const;
    LimitReading take(std::uint32_t row, std::uint32_t limit, Nanos now);
    void count_denial(std::uint32_t row);
    std::uint64_t denials(std::uint32_t row) const;

    // Breaker of a row. An open breaker past its cooldown reads half-open and admits exactly one probe.
    BreakerReading read_breaker(std::uint32_t row, Nanos now) const;
    BreakerReading enter(std::uint32_t row, const BreakerPolicy& policy, Nanos now);  // Open: do not call
    // What became of the call that entered. Returns the state after it.
    BreakerState settle(std::uint32_t row, bool success, const BreakerPolicy& policy, Nanos now);
    void reset_breaker(std::uint32_t row);
    std::uint64_t breaker_word(std::uint32_t row) const;

    struct Saved {
        std::string key;
        std::uint64_t words[6];
    };
    // Rows in use, to be saved each second; restore() keeps penalties, conservatively.
    std::vector<Saved> save() const;
    void restore(const std::vector<Saved>& rows, Nanos now);

    const shm::Segment& segment() const;

  private:
    struct Inner;
    explicit LimitsTable(std::unique_ptr<Inner> inner);
    std::unique_ptr<Inner> inner_;
};

}  // namespace resonant::board
