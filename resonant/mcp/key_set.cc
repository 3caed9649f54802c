#include "resonant/mcp/key_set.h"

#include <fmt/core.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>

#include <algorithm>

#include "resonant/base/base64.h"

namespace resonant::mcp {

namespace {

constexpr int kRsaBitsLeast = 2048;

template <typename T, void (*Free)(T*)>
struct Freeing {
    void operator()(T* what) const { Free(what); }
};
template <typename T, void (*Free)(T*)>
using Owned = std::unique_ptr<T, Freeing<T, Free>>;

std::string member(const Json& jwk, const char* name) {
    const auto found = jwk.find(name);
    return found != jwk.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::shared_ptr<EVP_PKEY> from_parameters(const char* type, OSSL_PARAM_BLD* builder) {
    const Owned<OSSL_PARAM, OSSL_PARAM_free> parameters(OSSL_PARAM_BLD_to_param(builder));
    const Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* key = nullptr;
    if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
        return nullptr;
    }
    return {key, EVP_PKEY_free};
}

std::shared_ptr<EVP_PKEY> rsa(const Json& jwk) {
    const auto n = unbase64url(member(jwk, "n"));
    const auto e = unbase64url(member(jwk, "e"));
    if (!n || !e || n->size() > 1024 || e->size() > 8) {
        return nullptr;
    }
    const Owned<BIGNUM, BN_free> modulus(BN_bin2bn(bytes(*n), static_cast<int>(n->size()), nullptr));
    const Owned<BIGNUM, BN_free> exponent(BN_bin2bn(bytes(*e), static_cast<int>(e->size()), nullptr));
    const Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(OSSL_PARAM_BLD_new());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
    auto key = from_parameters("RSA", builder.get());
    return key && EVP_PKEY_get_bits(key.get()) >= kRsaBitsLeast ? key : nullptr;
}

std::shared_ptr<EVP_PKEY> p256(const Json& jwk) {
    const auto x = unbase64url(member(jwk, "x"));
    const auto y = unbase64url(member(jwk, "y"));
    if (member(jwk, "crv") != "P-256" || !x || !y || x->size() != 32 || y->size() != 32) {
        return nullptr;
    }
    const std::string point = "\x04" + *x + *y;  // uncompressed; OpenSSL checks that it lies on the curve
    const Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(OSSL_PARAM_BLD_new());
    OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
    OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
    return from_parameters("EC", builder.get());
}

std::shared_ptr<EVP_PKEY> ed25519(const Json& jwk) {
    const auto x = unbase64url(member(jwk, "x"));
    if (member(jwk, "crv") != "Ed25519" || !x || x->size() != 32) {
        return nullptr;
    }
    EVP_PKEY* key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes(*x), x->size());
    return key == nullptr ? nullptr : std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free);
}

// ES256 signs as two numbers side by side (RFC 7518, 3.4); OpenSSL wants them as DER.
std::string to_der(std::string_view pair) {
    if (pair.size() != 64) {
        return {};
    }
    const Owned<ECDSA_SIG, ECDSA_SIG_free> signature(ECDSA_SIG_new());
    BIGNUM* r = BN_bin2bn(bytes(pair), 32, nullptr);
    BIGNUM* s = BN_bin2bn(bytes(pair.substr(32)), 32, nullptr);
    ECDSA_SIG_set0(signature.get(), r, s);  // owns both from here on
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(signature.get(), &der);
    std::string text = size > 0 ? std::string(reinterpret_cast<char*>(der), static_cast<std::size_t>(size)) : "";
    OPENSSL_free(der);
    return text;
}

}  // namespace

std::optional<std::string> unbase64url(std::string_view text) {
    std::string plain(text);
    if (plain.find_first_of("+/=") != std::string::npos) {
        return std::nullopt;
    }
    std::replace(plain.begin(), plain.end(), '-', '+');
    std::replace(plain.begin(), plain.end(), '_', '/');
    plain.append((4 - plain.size() % 4) % 4, '=');
    return unbase64(plain);
}

std::shared_ptr<EVP_PKEY> KeySet::make(const Json& jwk, std::string& algorithm) {
    const std::string type = member(jwk, "kty");
    if (type == "RSA") {
        algorithm = "RS256";
        return rsa(jwk);
    }
    if (type == "EC") {
        algorithm = "ES256";
        return p256(jwk);
    }
    algorithm = "EdDSA";
    return type == "OKP" ? ed25519(jwk) : nullptr;
}

Result<KeySet> KeySet::parse(std::string_view jwks) {
    if (jwks.size() > kKeySetBytesMax) {
        return fail(Code::InvalidArgument, fmt::format("key set: {} bytes, at most {}", jwks.size(), kKeySetBytesMax));
    }
    RESONANT_ASSIGN(const Json document, json::parse(jwks));
    const auto list = document.is_object() ? document.find("keys") : document.end();
    if (list == document.end() || !list->is_array()) {
        return fail(Code::InvalidArgument, "key set: {\"keys\":[...]} is expected (RFC 7517)");
    }
    KeySet set;
    for (const Json& jwk : *list) {
        if (!jwk.is_object() || set.keys_.size() >= kKeysMax || member(jwk, "use") == "enc") {
            continue;
        }
        Key key;
        key.key = make(jwk, key.algorithm);
        key.id = member(jwk, "kid");
        const std::string said = member(jwk, "alg");
        if (key.key && (said.empty() || said == key.algorithm)) {
            set.keys_.push_back(std::move(key));
        }
    }
    if (set.keys_.empty()) {
        return fail(Code::InvalidArgument, "key set: no key for RS256 (2048 bits and more), ES256 or EdDSA is in it");
    }
    return set;
}

Result<bool> KeySet::verify(std::string_view id, std::string_view algorithm, std::string_view text,
                            std::string_view signature) const {
    const auto found = std::find_if(keys_.begin(), keys_.end(), [&](const Key& key) {
        return key.algorithm == algorithm && (id.empty() ? keys_.size() == 1 : key.id == id);
    });
    if (found == keys_.end()) {
        return fail(Code::NotFound, fmt::format("no key '{}' for {}", id.substr(0, 100), algorithm.substr(0, 20)));
    }
    const std::string sealed = algorithm == "ES256" ? to_der(signature) : std::string(signature);
    const Owned<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
    const EVP_MD* digest = algorithm == "EdDSA" ? nullptr : EVP_sha256();
    return !sealed.empty() &&
           EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, found->key.get()) == 1 &&
           EVP_DigestVerify(context.get(), bytes(sealed), sealed.size(), bytes(text), text.size()) == 1;
}

}  // namespace resonant::mcp
