#include "resonant/govern/ledger_chain.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>

#include "resonant/base/ensure.h"
#include "resonant/base/sha256.h"

namespace resonant::govern {
namespace {

// Looked up once: fetching the algorithm costs more than hashing an entry.
const EVP_MD* sha256_algorithm() {
    static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    RESONANT_ENSURE(algorithm != nullptr, "OpenSSL has no SHA256");
    return algorithm;
}

struct Context {
    Context() : inner(EVP_MD_CTX_new()) { RESONANT_ENSURE(inner != nullptr, "no memory for a hash"); }
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
    ~Context() { EVP_MD_CTX_free(inner); }
    EVP_MD_CTX* inner;
};

Hash root_of(const Hash* leaves, std::size_t count) {
    if (count == 1) {
        return leaves[0];
    }
    std::size_t left = 1;
    while (left * 2 < count) {
        left *= 2;
    }
    std::string node(1, '\x01');
    node += view_of(root_of(leaves, left));
    node += view_of(root_of(leaves + left, count - left));
    return sha256(node);
}

}  // namespace

Hash sha256(std::string_view bytes) {
    thread_local const Context context;
    Hash hash{};
    unsigned length = 0;
    const bool done = EVP_DigestInit_ex2(context.inner, sha256_algorithm(), nullptr) == 1 &&
                      EVP_DigestUpdate(context.inner, bytes.data(), bytes.size()) == 1 &&
                      EVP_DigestFinal_ex(context.inner, reinterpret_cast<unsigned char*>(hash.data()), &length) == 1;
    RESONANT_ENSURE(done && length == hash.size(), "SHA256 failed");
    return hash;
}

std::string hex(const Hash& hash) { return hex_of(hash); }

void Serial::length(std::size_t size) {
    const auto number = static_cast<std::uint64_t>(size);
    char little_endian[sizeof number];
    std::memcpy(little_endian, &number, sizeof number);
    bytes_.append(little_endian, sizeof number);
}

void Serial::integer(std::int64_t value) {
    bytes_ += 'I';
    length(static_cast<std::size_t>(value));
}

void Serial::real(double value) {
    bytes_ += 'R';
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    length(bits);
}

void Serial::text(std::string_view value) {
    bytes_ += 'T';
    length(value.size());
    bytes_ += value;
}

void Serial::blob(std::string_view value) {
    bytes_ += 'B';
    length(value.size());
    bytes_ += value;
}

Hash hash_of(const LedgerEntry& entry) {
    thread_local Serial serial;
    serial.begin();
    serial.integer(entry.seq);
    serial.integer(entry.at_ns);
    serial.text(entry.kind);
    entry.intent ? serial.integer(*entry.intent) : serial.null();
    serial.text(entry.principal);
    serial.text(entry.role);
    serial.text(entry.session);
    serial.text(entry.tool);
    serial.text(entry.access);
    entry.arguments_hash ? serial.blob(view_of(*entry.arguments_hash)) : serial.null();
    serial.text(entry.decision);
    serial.text(entry.stage);
    serial.text(entry.rule);
    serial.text(entry.reason);
    serial.text(entry.stages);
    serial.text(entry.effects);
    serial.integer(entry.mismatch);
    serial.integer(entry.ring_position);
    serial.integer(entry.duration_ns);
    serial.blob(view_of(entry.previous));
    return sha256(serial.bytes());
}

Hash merkle_leaf(std::string_view row) { return sha256(std::string(1, '\0') + std::string(row)); }

Hash merkle_root(const std::vector<Hash>& leaves) {
    return leaves.empty() ? sha256({}) : root_of(leaves.data(), leaves.size());
}

}  // namespace resonant::govern
