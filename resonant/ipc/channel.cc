#include "resonant/ipc/channel.h"

#include <fmt/core.h>

namespace resonant::ipc {
namespace {

Status check(const Services& services) {
    if (services.topics.size() > kTopicsMax) {
        return fail(Code::InvalidArgument, fmt::format("make a channel: {} topics, at most {} are possible",
                                                       services.topics.size(), kTopicsMax));
    }
    for (const Topic& topic : services.topics) {
        if (topic.name.empty() || topic.sample_max.count == 0 || topic.buffer == 0 || topic.history > topic.buffer) {
            return fail(Code::InvalidArgument,
                        fmt::format("make a channel: topic '{}' has samples of {} bytes, history {} and buffer {}; a "
                                    "name, samples and a buffer of at least the history are needed",
                                    topic.name, topic.sample_max.count, topic.history, topic.buffer));
        }
    }
    return {};
}

}  // namespace

std::string_view name_of(Kind kind) { return kind == Kind::Sealed ? "sealed" : "iceoryx2"; }

bool is_built(Kind kind) {
#ifdef RESONANT_ICEORYX2
    static_cast<void>(kind);
    return true;
#else
    return kind == Kind::Sealed;
#endif
}

Result<std::unique_ptr<Owner>> own(Kind kind, const Place& place, const Services& services) {
    RESONANT_CHECK(check(services));
    return kind == Kind::Sealed ? own_sealed(place, services) : own_iceoryx2(place, services);
}

Result<std::unique_ptr<Guest>> join(Kind kind, const Place& place) {
    return kind == Kind::Sealed ? join_sealed(place) : join_iceoryx2(place);
}

#ifndef RESONANT_ICEORYX2
namespace {
std::unexpected<Error> absent() {
    return fail(Code::Unimplemented,
                "iceoryx2 was left out when this program was built; install cargo >= 1.89 (Debian 12: apt-get "
                "install cargo-web rustc-web) and build again, or use sealed channels");
}
}  // namespace

Result<std::unique_ptr<Owner>> own_iceoryx2(const Place&, const Services&) { return absent(); }
Result<std::unique_ptr<Guest>> join_iceoryx2(const Place&) { return absent(); }
#endif

}  // namespace resonant::ipc
