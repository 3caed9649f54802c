// What people ask the ledger: what was decided and why, and who did other than they said.
//
// Any thread with a reading connection.
#pragma once

#include "resonant/govern/ledger.h"

namespace resonant::govern {

inline constexpr std::size_t kTraceLimitMax = 1'000;

// See Ledger::trace and Ledger::report.
Result<Json> trace_entries(sql::Connection& connection, const TraceFilter& filter);
Result<Json> report_agents(sql::Connection& connection, std::string_view agent, std::size_t limit);

}  // namespace resonant::govern
