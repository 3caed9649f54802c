#include "resonant/net/kernel_link.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <vector>

#include "resonant/base/rights.h"
#include "resonant/base/socket_address.h"

namespace resonant::net {

Result<KernelLink> KernelLink::connect(const std::filesystem::path& path) {
    Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket) {
        return fail_errno("kernel socket: socket", errno);
    }
    const std::string name = path.string();
    const bool is_abstract = name.starts_with('@');
    Descriptor folder;
    RESONANT_ASSIGN(const SocketAddress address, is_abstract ? abstract_name(name) : file_address(name, folder));
    const int connected = ::connect(socket.get(), address.get(), address.size);
    if (connected != 0 && (errno == ENOENT || errno == ECONNREFUSED)) {
        return fail(Code::NotFound, fmt::format("no kernel listens at {}; start one with: resonant up", name));
    }
    if (connected != 0) {
        return fail_errno("kernel socket: connect to " + name, errno);
    }
    RESONANT_CHECK(is_abstract ? expect_holder(socket.get(), name) : Status{});
    return KernelLink(std::move(socket));
}

Status KernelLink::send(std::string_view line, std::span<const int> descriptors) {
    std::string text(line);
    text.push_back('\n');
    std::size_t sent = 0;
    while (sent < text.size()) {
        iovec vector{text.data() + sent, text.size() - sent};
        msghdr message{};
        message.msg_iov = &vector;
        message.msg_iovlen = 1;
        RightsRoom room;
        if (sent == 0 && !descriptors.empty()) {
            if (descriptors.size() > kDescriptorsMax) {
                return fail(Code::InvalidArgument, fmt::format("kernel socket: {} descriptors, at most {}",
                                                               descriptors.size(), kDescriptorsMax));
            }
            put_rights(message, room, descriptors);
        }
        const ssize_t count = sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return fail(Code::Unavailable, fmt::format("kernel socket: the kernel hung up while it was "
                                                       "asked ({})", std::strerror(errno)));
        }
        sent += static_cast<std::size_t>(count);
    }
    return {};
}

Result<std::string> KernelLink::receive(Nanos patience) {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    const std::int64_t until = std::int64_t{now.tv_sec} * 1'000 + now.tv_nsec / 1'000'000 +
                               patience.count / 1'000'000;
    while (true) {
        const std::size_t end = pending_.find('\n');
        if (end != std::string::npos) {
            std::string line = pending_.substr(0, end);
            pending_.erase(0, end + 1);
            return line;
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        const std::int64_t left = until - (std::int64_t{now.tv_sec} * 1'000 + now.tv_nsec / 1'000'000);
        pollfd wait{socket_.get(), POLLIN, 0};
        const int ready = poll(&wait, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 1 << 30)));
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        if (ready == 0) {
            return fail(Code::Timeout, fmt::format("the kernel did not answer within {:.1f} s",
                                                   patience.seconds()));
        }
        std::vector<Descriptor> unasked;
        const ssize_t count = receive_with_rights(socket_.get(), pending_, unasked, 0).bytes;
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return fail(Code::Unavailable, "the kernel hung up");
        }
    }
}

Result<std::string> KernelLink::ask(std::string_view line, Nanos patience) {
    RESONANT_CHECK(send(line));
    return receive(patience);
}

}  // namespace resonant::net
