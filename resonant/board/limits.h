// The LimitsTable is a second sealed segment beside the board: 65,536 rows of packed words by dense
// id, one row a tool and one a pair of agent and tool. Breaker and limiter decisions are made on
// these live words; nothing else remembers them.
//
// Threads and processes: any thread of the one writing process changes words (by compare-exchange);
// any process reads them (docs/formats/limits.md). All `now` are wall clock, so that rows can be
// saved.
//
// Invariants:
//   (1) A decision is one compare-exchange on one word: two threads never both take the last call
//       of a limit, and never both become the probe of a breaker.
//   (2) Limiter: the calls of this minute and, weighted by how much of it still lies within the
//       last 60 s, of the minute before. A refused call is not counted. retry_after is exact: at
//       that time the call is allowed if nobody else takes it, a moment before it is not.
//   (3) Breaker: closed -> open after failures_max failures within the window -> one probe after
//       the cooldown -> closed again or open for another cooldown. A probe that is never settled is
//       given up after one more cooldown.
//   (4) A row with calls in its window, failures that count, or a breaker that is not closed is not
//       reused.
//   (5) Deciding allocates nothing; only row() does, for a new key.
//
// After the sliding window counter (Cloudflare) and the circuit breaker (Nygard, "Release It!").
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
inline constexpr std::uint32_t kCallsMax = (1U << 24) - 1;  // a larger limit means this one
inline constexpr Nanos kLimitWindow = from_seconds(60);
inline constexpr std::size_t kKeyBytesMax = 256;

enum class BreakerState : std::uint8_t { Closed, Open, HalfOpen };
std::string_view name_of(BreakerState state);  // "closed", "open", "half_open"

struct BreakerPolicy {
    std::uint32_t failures_max = 5;  // within the window; 1 .. 16,383
    Nanos window = from_seconds(60);
    Nanos cooldown = from_seconds(30);
};

struct BreakerReading {
    // Closed: call. HalfOpen: the next call is the probe. Open: do not call (also while a probe is
    // under way).
    BreakerState state = BreakerState::Closed;
    std::uint32_t failures = 0;
    double retry_after_s = 0;  // while open
};

struct LimitReading {
    bool allowed = true;
    std::uint32_t used = 0;  // calls that count against the window now
    std::uint32_t limit = 0;
    double retry_after_s = 0;  // exact: a call at that time is allowed; 0 with a limit of 0: never
};

class LimitsTable {
  public:
    static Result<std::unique_ptr<LimitsTable>> create(std::uint64_t epoch);
    LimitsTable(const LimitsTable&) = delete;
    LimitsTable& operator=(const LimitsTable&) = delete;
    ~LimitsTable();

    // The row of a key ("tool:memory.add", "agent:uid:1000", "agent:uid:1000/tool:memory.add"),
    // made on first use. When all rows are taken, idle ones are reused oldest first, so ask at each
    // call and do not keep the number, or keep a Handle. ResourceExhausted when every row has a live penalty or
    // count; InvalidArgument for an empty key or one beyond kKeyBytesMax. A known key costs a mutex
    // and a hash.
    Result<std::uint32_t> row(std::string_view key, Nanos now);
    // The same for a key that lives as long as the table, such as a tool: never reused, so the
    // row's number may be kept. At most kPermanentRows.
    Result<std::uint32_t> permanent_row(std::string_view key, Nanos now);
    std::string key(std::uint32_t row) const;  // empty for a free row

    // A row's number that may be kept: it holds until the row is given to another key.
    struct Handle {
        std::uint32_t row = 0;
        std::uint32_t generation = 0;
    };
    Result<Handle> handle(std::string_view key, Nanos now);  // as row()
    bool holds(Handle handle) const;                         // one load, no lock

    // Sliding window of 60 s. peek() changes nothing; take() counts the call when it is allowed.
    LimitReading peek(std::uint32_t row, std::uint32_t limit, Nanos now) const;
    LimitReading take(std::uint32_t row, std::uint32_t limit, Nanos now);
    void count_denial(std::uint32_t row);
    std::uint64_t denials(std::uint32_t row) const;

    // Breaker of a row. An open breaker past its cooldown reads half-open and admits exactly one
    // probe.
    BreakerReading read_breaker(std::uint32_t row, Nanos now) const;
    BreakerReading enter(std::uint32_t row, const BreakerPolicy& policy,
                         Nanos now);  // Open: do not call
    // What became of the call that entered. Returns the state after it. A call that entered while
    // the breaker was closed and ends after it opened changes nothing until a probe is under way.
    BreakerState settle(std::uint32_t row, bool success, const BreakerPolicy& policy, Nanos now);
    void reset_breaker(std::uint32_t row);
    std::uint64_t breaker_word(std::uint32_t row) const;

    struct Saved {
        std::string key;
        std::uint64_t words[6];  // the first six words of the row, as in docs/formats/limits.md
    };
    // Rows in use, to be saved each second; restore() keeps penalties, conservatively: an open
    // breaker stays open until its time (at most kRestoredMax from now), a probe under way counts
    // as open, calls and failures still count. Keys that are too long and rows beyond the table are
    // left out.
    std::vector<Saved> save() const;
    void restore(const std::vector<Saved>& rows, Nanos now);

    const shm::Segment& segment() const;

  private:
    struct Inner;
    explicit LimitsTable(std::unique_ptr<Inner> inner);
    std::unique_ptr<Inner> inner_;
};

inline constexpr Nanos kRestoredMax = from_seconds(3600);

}  // namespace resonant::board
