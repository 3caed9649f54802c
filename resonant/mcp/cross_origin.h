// CrossOrigin lets pages of chosen origins call from a browser (WHATWG Fetch, CORS): it answers preflights and says on
// every answer who may read it. Off until an origin is named.
//
// Constant after construction; any thread.
//
// Invariants:
//   (1) An origin is allowed when it is one of those configured, letter for letter: no pattern, no "*", no "null".
//   (2) Credentials of the browser (cookies) are never asked for: who calls sends a token.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/net/http.h"

namespace resonant::mcp {

// "https://app.example" or "http://localhost:5173" in lower case, as a browser sends it. InvalidArgument for a pattern, a
// path, a closing slash, another scheme; the words say what is wrong.
Result<std::string> origin_of(std::string_view text);

class CrossOrigin {
  public:
    // `origins` as origin_of() gives them.
    explicit CrossOrigin(std::vector<std::string> origins = {}) : origins_(std::move(origins)) {}

    bool allows(std::string_view origin) const;
    // Whether a browser asks before it sends a request of another origin.
    static bool is_preflight(const net::HttpRequest& request);
    // For a preflight of an allowed origin; needs no token, tells nothing but this.
    static net::HttpResponse preflight(const net::HttpRequest& request, std::string_view origin);
    // Lets a page of this origin read the answer.
    static void mark(net::HttpResponse& response, std::string_view origin);

  private:
    std::vector<std::string> origins_;
};

}  // namespace resonant::mcp
