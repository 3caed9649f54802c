// A MediaType is what a Content-Type header says, and accepts() what an Accept header allows (RFC 9110, 8.3
// and 12.5.1).
//
// Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

namespace resonant::net {

struct MediaType {
    std::string name;     // "application/json", in lower case, without parameters
    std::string charset;  // in lower case, without quotes; empty when none is named
};

// ASCII letters in lower case.
std::string lower(std::string_view text);
MediaType media_type(std::string_view header);
// Whether `accept` allows `type`: the most exact range that fits decides, q=0 forbids.
bool accepts(std::string_view accept, std::string_view type);

}  // namespace resonant::net
