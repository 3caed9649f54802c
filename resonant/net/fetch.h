// fetch() gets one small document over http or https, for what the owner has configured (a key set, an
// authorisation server), and post_form() sends a form. They follow no redirects, and trust the system's
// certificate authorities.
//
// Any thread; it blocks.
#pragma once

#include <string>

#include "resonant/base/result.h"
#include "resonant/base/units.h"

namespace resonant::net {

struct FetchLimits {
    std::size_t bytes_max = 256 * 1024;
    Nanos patience = from_seconds(5);  // for each step: connecting, each read
};

// The body of a 200. InvalidArgument for what is no http or https URL; Unavailable when it cannot be had.
Result<std::string> fetch(const std::string& url, FetchLimits limits = {});

struct Fetched {
    int status = 0;
    std::string body;
};
// The answer to a form (application/x-www-form-urlencoded), whatever its status. `authorization`: the header's
// value, or empty.
Result<Fetched> post_form(const std::string& url, const std::string& form, const std::string& authorization,
                          FetchLimits limits = {});

}  // namespace resonant::net
