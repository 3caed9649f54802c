#include "resonant/memory/digest.h"

#include <openssl/evp.h>

#include "resonant/base/ensure.h"
#include "resonant/base/sha256.h"

namespace resonant::memory {

struct Digest::Context {
    EVP_MD_CTX* handle = EVP_MD_CTX_new();
    ~Context() { EVP_MD_CTX_free(handle); }
};

Digest::Digest() : context_(std::make_unique<Context>()) {
    // Looked up once: that costs more than hashing a memory.
    static EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    RESONANT_ENSURE(sha256 != nullptr && EVP_DigestInit_ex2(context_->handle, sha256, nullptr) == 1,
                    "OpenSSL has no SHA-256");
}

Digest::~Digest() = default;

void Digest::add(std::span<const std::byte> bytes) {
    RESONANT_ENSURE(EVP_DigestUpdate(context_->handle, bytes.data(), bytes.size()) == 1,
                    "SHA-256 cannot take more");
}

void Digest::add(std::string_view text) { add(std::as_bytes(std::span(text))); }

Sha256 Digest::finish() {
    Sha256 sum{};
    RESONANT_ENSURE(EVP_DigestFinal_ex(context_->handle,
                                       reinterpret_cast<unsigned char*>(sum.data()), nullptr) == 1,
                    "SHA-256 was finished twice");
    return sum;
}

std::string hex(std::span<const std::byte> bytes) { return hex_of(bytes); }

}  // namespace resonant::memory
