// The check of the chain, over the rows as SQLite holds them: types count, not only values. A ChainCheck goes on in
// slices, each in a read of its own, so that a long ledger holds no state of the database for as long as it takes;
// entries never change, so slices fit together.
//
// One thread at a time, with a reading connection.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "resonant/govern/ledger_chain.h"

namespace resonant::govern {

// The tool name of the entry by which the owner takes note of breaks.
inline constexpr std::string_view kAcknowledge = "ledger.acknowledge";

struct ChainReport {
    Verification verification;
    Ledger::Head head;                       // of the rows
    std::vector<std::uint64_t> open_intents;  // without an outcome
    std::uint64_t breaks = 0;                // not acknowledged
    Hash digest{};                           // of those breaks: what an acknowledgement names
};

class ChainCheck {
  public:
    // `remembered` is what the head file says, or why it says nothing; read before the first slice.
    ChainCheck(Nanos since, Result<Ledger::Head> remembered);
    ChainCheck(ChainCheck&&) noexcept;
    ChainCheck& operator=(ChainCheck&&) noexcept;
    ~ChainCheck();

    // Takes the entries before `seq` as they are: what it finds holds for `seq` and those after it. Before the first
    // slice. NotFound when there is no entry before it.
    Status begin_at(sql::Connection& connection, std::uint64_t seq);
    // Looks at up to `entries` more; false when there were fewer, so that the end was reached. Cost: about 2 us each.
    Result<bool> go_on(sql::Connection& connection, std::size_t entries);
    // The last entry looked at.
    std::uint64_t reached() const;
    ChainReport finish();

  private:
    struct Progress;
    std::unique_ptr<Progress> progress_;
};

// The whole of it, in slices.
Result<ChainReport> check_chain(sql::Database& database, Nanos since, Result<Ledger::Head> remembered);

}  // namespace resonant::govern
