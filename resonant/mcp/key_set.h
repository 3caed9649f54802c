// A KeySet is the public keys by which an authorisation server signs (JWKS, RFC 7517), as far as we use
// them: RS256 (2,048 bits at least), ES256 and EdDSA. Other keys are passed over.
//
// Constant; any thread.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/json/json.h"

namespace resonant::mcp {

inline constexpr std::size_t kKeysMax = 64;
inline constexpr std::size_t kKeySetBytesMax = 256 * 1024;

class KeySet {
  public:
    // InvalidArgument when the text is no key set, or holds no key that can be used.
    static Result<KeySet> parse(std::string_view jwks);

    // Whether `signature` over `text` is by the key `id` with `algorithm` ("RS256", "ES256", "EdDSA"). A key
    // serves one algorithm only. NotFound when there is no such key; an empty id stands for the only key.
    Result<bool> verify(std::string_view id, std::string_view algorithm, std::string_view text,
                        std::string_view signature) const;

  private:
    struct Key {
        std::string id;
        std::string algorithm;
        std::shared_ptr<EVP_PKEY> key;
    };

    static std::shared_ptr<EVP_PKEY> make(const Json& jwk, std::string& algorithm);

    std::vector<Key> keys_;
};

// base64url without padding (RFC 7515, appendix C); nothing when it is none.
std::optional<std::string> unbase64url(std::string_view text);

}  // namespace resonant::mcp
