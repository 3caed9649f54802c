// A Listing is what tools/list shows: families (meta-tools, few tokens), the core tools, or all; docs/catalogue.md has
// their numbers. What is planned and not built is in none.
// The design document calls them PRAT, Lite and Classic.
//
// Pure functions; any thread.
//
// Invariants:
//   (1) The same catalogue gives the same bytes: order is the catalogue's.
//   (2) The families' list of all tools is at most kFamiliesBytesMax as sent.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "resonant/dispatch/catalogue.h"

namespace resonant::mcp {

enum class Listing : std::uint8_t { Families, Core, All };

inline constexpr std::size_t kFamiliesBytesMax = 14'000;
inline constexpr std::size_t kFamilyToolsMax = 40;  // of a family whose entry names them; above, it names groups

std::string_view name_of(Listing listing);                      // "families", "core", "all"
std::optional<Listing> listing_of(std::string_view name);       // also by the seed's names

// The JSON text of the array of tools.
std::string list_tools(const dispatch::Catalogue& catalogue, Listing listing);

// A tool's name on the wire: "memory.add" becomes "memory_add".
std::string wire_name(std::string_view dotted);

}  // namespace resonant::mcp
