// The lists of tools with those of other servers in them. A server behind this one costs its name and count in
// the entry of its family, at most kServerBytesMax; its tools stand in the listing `all`.
//
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "resonant/call/upstreams.h"
#include "resonant/mcp/listing.h"

namespace resonant::mcp {

inline constexpr std::size_t kServerBytesMax = 120;

// As list_tools(); `upstreams` may be null.
std::string list_tools(const dispatch::Catalogue& catalogue, Listing listing, const call::Upstreams* upstreams);

// The whole results of tools/list by listing, legacy and modern form. True when one of them is another than before.
bool make_lists(const dispatch::Catalogue& catalogue, const call::Upstreams* upstreams, std::int64_t ttl_ms,
                std::span<std::string, 3> legacy, std::span<std::string, 3> modern);

}  // namespace resonant::mcp
