#include "resonant/mcp/session_ids.h"

#include <fmt/core.h>

#include <charconv>

#include "resonant/base/secret.h"
#include "resonant/base/sha256.h"

namespace resonant::mcp {
namespace {

constexpr std::size_t kRandomBytes = 16;
constexpr std::size_t kSignatureDigits = 32;
constexpr std::size_t kIdMax = 200;

}  // namespace

SessionIds::SessionIds(std::string secret, Random& random, Nanos started)
    : secret_(secret.empty() ? random.hex(32) : std::move(secret)), random_(random), started_(started) {}

std::string SessionIds::signature(std::string_view head, std::string_view principal) const {
    return hmac_sha256_hex(secret_, fmt::format("{}:{}{}", head.size(), head, principal), kSignatureDigits);
}

std::string SessionIds::make(std::string_view principal, std::string_view version, Nanos now) const {
    const std::string head = fmt::format("{}.{}.{}", random_.hex(kRandomBytes), now.count, version);
    return head + "." + signature(head, principal);
}

bool SessionIds::is_of(std::string_view id, std::string_view principal) const {
    const std::size_t end = id.rfind('.');
    return id.size() <= kIdMax && end != std::string_view::npos &&
           is_same_secret(id.substr(end + 1), signature(id.substr(0, end), principal));
}

std::optional<std::string> SessionIds::of_before(std::string_view id, std::string_view principal) const {
    if (!is_of(id, principal)) {
        return std::nullopt;
    }
    const std::string_view head = id.substr(0, id.rfind('.'));
    // Ours, so it has the form that we gave it.
    const std::string_view rest = head.substr(head.find('.') + 1);
    const std::size_t dot = rest.find('.');
    std::int64_t made = 0;
    std::from_chars(rest.data(), rest.data() + dot, made);
    if (made >= started_.count || made + kSessionLife.count < started_.count) {
        return std::nullopt;  // one of this kernel that is not kept is over
    }
    return std::string(rest.substr(dot + 1));
}

}  // namespace resonant::mcp
