// How handlers read arguments. The dispatcher has checked them against the schema, so a value that
// is present has its type; what these functions add is meaning: ids, times, sessions, filters.
//
// Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/call/call.h"
#include "resonant/memory/data_sea.h"
#include "resonant/tools/services.h"

namespace resonant::tools {

std::string text_of(const call::Call& call, const char* name, std::string_view otherwise = "");
double number_of(const call::Call& call, const char* name, double otherwise);
std::int64_t integer_of(const call::Call& call, const char* name, std::int64_t otherwise);
bool flag_of(const call::Call& call, const char* name, bool otherwise = false);
std::vector<std::string> words_of(const call::Call& call, const char* name);
bool has(const call::Call& call, const char* name);
// `limit`, at most `most`.
std::size_t limit_of(const call::Call& call, std::size_t otherwise, std::size_t most);

// "m42" in argument `name`. InvalidArgument says where ids come from.
Result<memory::MemoryId> memory_id_of(const call::Call& call, const char* name);
// An id of one letter and a number, such as "s7".
Result<std::int64_t> id_of(const call::Call& call, const char* name, char kind);
// The session that the call names, or the one its connection started; 0 for none. NotFound when it
// is not the caller's.
Result<std::int64_t> session_of(Services& services, const call::Call& call);

// ISO 8601 (with or without time, UTC unless it names an offset) or a span back from `now`: 90s 15m
// 2h 7d.
Result<std::int64_t> parse_time(std::string_view text, Nanos now);
Result<std::optional<std::int64_t>> time_of(const call::Call& call, const char* name, Nanos now);

// The store that the call names, or that its session or connection has switched to; "default" else.
Result<std::string> galaxy_of(Services& services, const call::Call& call);
// The key under which a call's choice of a store is kept: its session's, else its connection's; empty
// when it has neither.
Result<std::string> galaxy_key(Services& services, const call::Call& call);

// tags, type, zone, galaxy, since, until, include_private, protected.
Result<memory::Filter> filter_of(Services& services, const call::Call& call, Nanos now);

}  // namespace resonant::tools
