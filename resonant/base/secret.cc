#include "resonant/base/secret.h"

#include <openssl/crypto.h>

namespace resonant {

bool is_same_secret(std::string_view shown, std::string_view secret) {
    return shown.size() == secret.size() && CRYPTO_memcmp(shown.data(), secret.data(), secret.size()) == 0;
}

}  // namespace resonant
