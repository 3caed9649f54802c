#include "resonant/mcp/request_state.h"

#include <fmt/core.h>

#include "resonant/base/base64.h"
#include "resonant/base/ensure.h"
#include "resonant/base/secret.h"
#include "resonant/base/sha256.h"

namespace resonant::mcp {

RequestState::RequestState(Random& random) { random.fill(std::as_writable_bytes(std::span(key_))); }

std::string RequestState::mac(std::string_view payload, std::string_view bound) const {
    // The length keeps the two apart: no byte can move from one to the other.
    const std::string_view key(reinterpret_cast<const char*>(key_.data()), key_.size());
    return hmac_sha256_hex(key, fmt::format("{}:{}{}", payload.size(), payload, bound));
}

std::string RequestState::seal(const Json& answers, std::string_view bound, Nanos now) const {
    const std::string payload = base64(json::dump({{"answers", answers}, {"until", (now + kStateLife).count}}));
    return payload + "." + mac(payload, bound);
}

Result<Json> RequestState::open(std::string_view state, std::string_view bound, Nanos now) const {
    const auto refused = [](std::string_view why) {
        return fail(Code::InvalidArgument,
                    fmt::format("requestState {}; send back what the last answer held, or begin without it", why));
    };
    const std::size_t dot = state.find('.');
    if (state.size() > kStateBytesMax || dot == std::string_view::npos) {
        return refused("was not made by this kernel");
    }
    const std::string_view payload = state.substr(0, dot);
    const std::string wanted = mac(payload, bound);
    const std::string_view shown = state.substr(dot + 1);
    if (!is_same_secret(shown, wanted)) {
        return refused("was changed or belongs to another request");
    }
    const auto text = unbase64(payload);
    RESONANT_ENSURE(text.has_value(), "what we sealed is base64");
    RESONANT_ASSIGN(const Json held, json::parse(*text));
    if (held["until"].get<std::int64_t>() < now.count) {
        return refused("is too old");
    }
    return held["answers"];
}

}  // namespace resonant::mcp
