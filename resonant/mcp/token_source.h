// A TokenSource gets access tokens for one server behind this one: the client credentials of OAuth 2.1, at the
// authorisation server that the server names for itself (RFC 9728, RFC 8414), bound to the server's own url
// (RFC 8707). There is no person in it: who must log in in a browser gets a token elsewhere and puts it into
// `headers`.
//
// Any thread; get() blocks.
//
// Invariants:
//   (1) The secret goes to the token endpoint alone, over https, or http where it is this machine's.
//   (2) What the server says of itself is believed for its own origin and its own url only; the authorisation
//       server must name itself as it was named.
#pragma once

#include <map>
#include <string>

#include "resonant/base/result.h"
#include "resonant/base/units.h"

namespace resonant::mcp {

struct AccessToken {
    std::string text;
    Nanos lives{};  // from now; zero: not said
};

class TokenSource {
  public:
    // `settings`: client_id, client_secret; also scope, and token_url where nothing shall be looked up.
    TokenSource(std::map<std::string, std::string> settings, std::string server_url)
        : settings_(std::move(settings)), url_(std::move(server_url)) {}

    // `challenge`: the WWW-Authenticate of the server's 401, or empty. PermissionDenied when the authorisation
    // server refuses, Unavailable when it cannot be found.
    Result<AccessToken> get(const std::string& challenge) const;

  private:
    std::string setting(const char* name) const;
    Result<std::string> token_endpoint(const std::string& challenge, std::string& scope) const;
    Result<std::string> endpoint_of(const std::string& issuer) const;

    const std::map<std::string, std::string> settings_;
    const std::string url_;
};

}  // namespace resonant::mcp
