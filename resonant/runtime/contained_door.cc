#include "resonant/runtime/contained_door.h"

#include <fmt/core.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <charconv>

#include "resonant/base/log.h"
#include "resonant/base/secret.h"
#include "resonant/base/sha256.h"
#include "resonant/shm/handover.h"

namespace resonant::runtime {
namespace {

constexpr std::size_t kTokenBytes = 32;
constexpr std::size_t kHashDigits = 16;
constexpr int kAdmissionsMax = 60;  // of a user, a minute
constexpr std::int64_t kMinuteNanos = from_seconds(60).count;

// Whether it is an end of a Unix stream socket with nothing queued, so that one small message is
// taken at once.
bool takes_a_message(int fd) {
    int domain = 0;
    int type = 0;
    int queued = -1;
    socklen_t size = sizeof domain;
    return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX &&
           ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
           ::ioctl(fd, SIOCOUTQ, &queued) == 0 && queued == 0;
}

}  // namespace

Status send_shared(net::KernelMessage& message, std::span<const int> descriptors, const std::string& words) {
    if (message.descriptors.size() != 1 || !takes_a_message(message.descriptors[0].get())) {
        return fail(Code::InvalidArgument, "this comes with one descriptor, an unused end of a Unix stream socketpair");
    }
    return shm::send_descriptors(message.descriptors[0].get(), descriptors, words);
}

std::string share_plane(const plane::KernelPlane& plane, net::KernelMessage& message) {
    const auto shared = plane.share();
    if (!shared) {
        return shared.error().message;
    }
    const int fds[] = {(*shared)[0].get(), (*shared)[1].get()};
    const Status sent = send_shared(message, fds, "board ring");
    return sent ? "ok" : sent.error().message;
}

std::string arm_plane(plane::KernelPlane& plane, std::string_view text) {
    constexpr std::string_view kArm = "arm ";
    std::uint64_t seen = 0;
    if (!text.starts_with(kArm) ||
        std::from_chars(text.data() + kArm.size(), text.data() + text.size(), seen).ec != std::errc{}) {
        return {};
    }
    return fmt::format("ok {}", plane.ring().arm(seen));
}

std::string list_fields(const plane::KernelPlane& plane) {
    std::string names = "ok";
    for (const board::RegisteredField& each : plane.board().registered()) {
        names += " " + each.name;
    }
    return names;
}

std::string ContainedDoor::name() const {
    return fmt::format("@resonant-{}-{}", ::geteuid(), sha256_hex(home_.root.string(), kHashDigits));
}

void ContainedDoor::reopen() {
    if (const Result<std::string> kept = read_file(home_.plane_token()); !kept && kept.error().code == Code::NotFound) {
        return;
    }
    if (const Result<std::string> address = open(); !address) {
        log().warn("agents of other users cannot attach: {}", address.error().message);
    }
}

Result<std::string> ContainedDoor::open() {
    if (socket_ != nullptr) {
        return fmt::format("{}:{}", name(), token_);
    }
    const Result<std::string> kept = read_file(home_.plane_token());
    if (!kept && kept.error().code != Code::NotFound) {
        return std::unexpected(kept.error());
    }
    token_ = kept ? kept->substr(0, kept->find('\n')) : parts_.random.hex(kTokenBytes);
    if (token_.size() != 2 * kTokenBytes) {
        return fail(Code::DataLoss, fmt::format("{} holds no token; remove it, then: resonant agent address", home_.plane_token().string()));
    }
    RESONANT_CHECK(listen());
    Status noted = kept ? Status{} : write_file(home_.plane_token(), token_ + "\n");
    noted = noted ? parts_.ledger.event("contained_door_opened", "kernel", {{"name", name()}}) : noted;
    if (!noted) {
        static_cast<void>(close());
        return std::unexpected(noted.error());
    }
    return fmt::format("{}:{}", name(), token_);
}

Status ContainedDoor::close() {
    socket_.reset();
    admitted_.clear();
    if (front_ != nullptr) {
        front_->end_clients();
        front_.reset();
    }
    std::error_code failed;
    std::filesystem::remove(home_.plane_token(), failed);
    if (failed) {
        return fail(Code::Unavailable, fmt::format("the door is shut, but {} could not be removed ({}): the next kernel would open it again",
                                                   home_.plane_token().string(), failed.message()));
    }
    return parts_.ledger.event("contained_door_closed", "kernel", {{"name", name()}});
}

Status ContainedDoor::listen() {
    net::KernelSocket::Handler handler{
        [this](net::KernelMessage message) { socket_->send(message.connection, answer(message)); },
        [this](std::uint64_t connection) { admitted_.erase(connection); }};
    mcp::KernelFrontOptions how;
    how.path = name() + "-mcp";
    how.token = token_;
    how.clients_max = clients_max_;
    RESONANT_ASSIGN(auto front, mcp::KernelFront::open(loop_, parts_.door, parts_.stdio, std::move(how)));
    RESONANT_ASSIGN(socket_, net::KernelSocket::open(loop_, name(), std::move(handler),
                                                        {.access = net::KernelSocket::Access::AnyUser}));
    front_ = std::move(front);
    return {};
}

std::string ContainedDoor::answer(net::KernelMessage& message) {
    if (message.text.starts_with("share ")) {
        return admit(message);
    }
    if (!admitted_.contains(message.connection)) {
        return "first comes: share TOKEN (with one descriptor); the owner has the token from: resonant agent address";
    }
    if (message.text == "fields") {
        return list_fields(parts_.plane);
    }
    const std::string armed = arm_plane(parts_.plane, message.text);
    return armed.empty() ? "unknown request; known: share TOKEN (with one descriptor), fields, arm POSITION" : armed;
}

std::string ContainedDoor::admit(net::KernelMessage& message) {
    const std::string_view shown = std::string_view(message.text).substr(6);
    if (!is_same_secret(shown, token_)) {
        log().warn("contained agents: uid {} pid {} showed a wrong token", message.peer.uid, message.peer.pid);
        return "share: this token is not valid; the owner has the valid one from: resonant agent address";
    }
    const std::int64_t minute = parts_.clock.monotonic().count / kMinuteNanos;
    if (minute != minute_) {
        minute_ = minute;
        admissions_.clear();
    }
    if (++admissions_[message.peer.uid] > kAdmissionsMax) {
        return fmt::format("share: uid {} has attached {} times within this minute; wait for the next one", message.peer.uid, kAdmissionsMax);
    }
    const Status noted = parts_.ledger.event("contained_agent_attached", fmt::format("uid:{}", message.peer.uid),
                                             {{"pid", message.peer.pid}});
    if (!noted) {
        return noted.error().message;  // what cannot be proved is not allowed
    }
    const std::string shared = share_plane(parts_.plane, message);
    if (shared == "ok") {
        admitted_.insert(message.connection);
    }
    return shared;
}

}  // namespace resonant::runtime
