// The check of the whole chain, one pass over the rows as SQLite holds them: types count, not only
// values.
//
// Any thread with a reading connection.
#pragma once

#include <optional>
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

// `remembered` is what the head file says, or why it says nothing.
Result<ChainReport> check_chain(sql::Connection& connection, Nanos since, const Result<Ledger::Head>& remembered);

}  // namespace resonant::govern
