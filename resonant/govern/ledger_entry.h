// How entries of the ledger are made of calls, and how one is put behind the head.
//
// Any thread that holds the writing connection.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "resonant/govern/ledger_chain.h"
#include "resonant/govern/ledger_reads.h"

namespace resonant::govern {

extern const char* const kLedgerTables;  // the script that makes the tables

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// What all entries about a call have in common.
LedgerEntry entry_of(const call::Call& call, std::string kind, std::string decision, const Hash* arguments = nullptr);
// The column `stages`: empty when nobody had something to say.
std::string stages_of(std::span<const Passage> passages);
// The column `effects` of an outcome.
std::string effects_of(const call::Call& call, const EffectCheck& check);
// The entry for a batch of reads; its rows stand in ledger_reads.
LedgerEntry entry_of_reads(const std::vector<ReadRow>& rows, const std::vector<Hash>& leaves);

// The newest entry as this transaction sees it; seq 0 when there is none.
Result<Ledger::Head> head_in(sql::Connection& connection);
// Puts the entry behind that head: fills in seq, time and the hash before it.
Result<Ledger::Head> append(sql::Connection& connection, Clock& clock, LedgerEntry& entry);

}  // namespace resonant::govern
