// Uri references as RFC 3986 resolves them, as far as identifiers of schemas need: nothing is fetched, nothing is looked up.
//
// Plain functions; any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace resonant::json {

// `reference` seen from `base` (RFC 3986, 5.2). An empty base leaves the reference as it is.
std::string resolve_uri(std::string_view base, std::string_view reference);

// The part before '#', and the fragment after it, percent-decoded.
std::pair<std::string, std::string> split_fragment(std::string_view uri);

}  // namespace resonant::json
