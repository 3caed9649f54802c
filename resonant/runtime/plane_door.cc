#include "resonant/runtime/plane_door.h"

#include <fmt/format.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <charconv>

#include "resonant/shm/handover.h"

namespace resonant::runtime {
namespace {

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

Result<std::unique_ptr<PlaneDoor>> PlaneDoor::open(net::Loop& loop, plane::KernelPlane& plane,
                                                   Channels& channels, engines::Outputs& outputs,
                                                   const std::filesystem::path& path) {
    auto door = std::unique_ptr<PlaneDoor>(new PlaneDoor(plane, channels, outputs));
    net::KernelSocket::Handler handler{
        [raw = door.get()](net::KernelMessage message) {
            raw->socket_->send(message.connection, raw->answer(message));
        },
        [](std::uint64_t) {}};
    RESONANT_ASSIGN(door->socket_, net::KernelSocket::open(loop, path, std::move(handler)));
    return door;
}

std::string PlaneDoor::answer(net::KernelMessage& message) {
    constexpr std::string_view kArm = "arm ";
    constexpr std::string_view kChannel = "channel ";
    constexpr std::string_view kBatch = "batch ";
    const std::string_view text = message.text;
    if (text == "share") {
        return share(message);
    }
    if (text.starts_with(kBatch)) {
        return share_batch(message, std::string(text.substr(kBatch.size())));
    }
    std::uint64_t seen = 0;
    if (text.starts_with(kArm) &&
        std::from_chars(text.data() + kArm.size(), text.data() + text.size(), seen).ec == std::errc{}) {
        return fmt::format("ok {}", plane_.ring().arm(seen));
    }
    if (text.starts_with(kChannel)) {
        return channel(text.substr(kChannel.size()));
    }
    return "unknown request; known: share, batch NAME (with one descriptor), arm POSITION, channel sealed, channel iceoryx2";
}

// The folder last: it may have spaces.
std::string PlaneDoor::channel(std::string_view kind) {
    for (const ipc::Kind one : {ipc::Kind::Sealed, ipc::Kind::Iceoryx2}) {
        if (kind == ipc::name_of(one)) {
            const auto place = channels_.open(one);
            return place ? fmt::format("ok {} {}", place->prefix, place->folder.string()) : place.error().message;
        }
    }
    return "unknown kind of channel; known: sealed, iceoryx2";
}

std::string PlaneDoor::share_batch(net::KernelMessage& message, const std::string& name) {
    if (message.descriptors.size() != 1 || !takes_a_message(message.descriptors[0].get())) {
        return "batch comes with one descriptor, an unused end of a Unix stream socketpair";
    }
    const auto output = outputs_.newest(name);
    if (output == nullptr) {
        return "this engine has published nothing yet; engine.list names the engines";
    }
    const auto shared = output->segment->share();
    if (!shared) {
        return shared.error().message;
    }
    const int fds[] = {shared->get()};
    const Status sent = shm::send_descriptors(message.descriptors[0].get(), fds,
                                              fmt::format("batch {}", output->bytes));
    return sent ? "ok" : sent.error().message;
}

std::string PlaneDoor::share(net::KernelMessage& message) {
    if (message.descriptors.size() != 1 || !takes_a_message(message.descriptors[0].get())) {
        return "share comes with one descriptor, an unused end of a Unix stream socketpair";
    }
    const auto shared = plane_.share();
    if (!shared) {
        return shared.error().message;
    }
    const int fds[] = {(*shared)[0].get(), (*shared)[1].get()};
    const Status sent = shm::send_descriptors(message.descriptors[0].get(), fds, "board ring");
    return sent ? "ok" : sent.error().message;
}

}  // namespace resonant::runtime
