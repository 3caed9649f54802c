// The lists of tools with those of other servers in them. A server behind this one costs its name and count in
// the entry of its family, at most kServerBytesMax; its tools stand in the listing `all`.
//
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "resonant/call/client_set.h"
#include "resonant/call/upstreams.h"
#include "resonant/mcp/listing.h"

namespace resonant::mcp {

inline constexpr std::size_t kServerBytesMax = 120;

// Whose list it is.
struct ListView {
    const call::Upstreams* upstreams = nullptr;  // null: none
    const call::ClientSet* set = nullptr;        // what the client may see; null: everything
    std::string_view kernel = {};                // this kernel's id, for kernels before it
    bool modern = false;                         // the era
};

// As list_tools(), for a view.
std::string list_tools(const dispatch::Catalogue& catalogue, Listing listing, const ListView& view);

// The whole results of tools/list by listing, legacy and modern form.
struct ToolLists {
    std::string legacy[3], modern[3];
    // True when one of them is another than before. `shared`: every client gets the same.
    bool make(const dispatch::Catalogue& catalogue, ListView view, std::int64_t ttl_ms, bool shared);
};

}  // namespace resonant::mcp
