#include "resonant/base/sha256.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <array>

#include "resonant/base/ensure.h"

namespace resonant {

std::string hex_of(std::span<const std::byte> bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    text.reserve(2 * bytes.size());
    for (const std::byte byte : bytes) {
        text += kDigits[std::to_integer<std::size_t>(byte >> 4)];
        text += kDigits[std::to_integer<std::size_t>(byte & std::byte{15})];
    }
    return text;
}

std::string sha256_hex(std::string_view text, std::size_t digits) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    return hex_of(std::as_bytes(std::span(digest))).substr(0, digits);
}

std::string hmac_sha256_hex(std::string_view key, std::string_view text, std::size_t digits) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    const void* made = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                            reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), nullptr);
    RESONANT_ENSURE(made != nullptr, "HMAC-SHA-256 is always there");
    return hex_of(std::as_bytes(std::span(digest))).substr(0, digits);
}

}  // namespace resonant
