#include "resonant/client/client.h"

#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <sstream>

#include "resonant/base/rights.h"
#include "resonant/base/socket_address.h"
#include "resonant/shm/handover.h"

namespace resonant::client {
namespace {

constexpr time_t kPatience_s = 5;  // for one answer of the kernel
constexpr std::size_t kAnswerMax = 4096;

Error failed(const std::string& what) {
    return {Code::Unavailable, fmt::format("attach: {}: {}", what, std::strerror(errno))};
}

// Where a kernel is asked, and what is asked first.
struct Door {
    std::string path;   // "@NAME" is one of the abstract namespace
    std::string share;  // the first request
};

// "@resonant-UID-HASH:TOKEN" (runtime/contained_door.h), or the path of plane.sock.
Door door_of(const std::string& text) {
    const std::size_t colon = text.starts_with('@') ? text.find(':') : std::string::npos;
    return colon == std::string::npos ? Door{text, "share"} : Door{text.substr(0, colon), "share " + text.substr(colon + 1)};
}

Result<Descriptor> connected(const std::string& path) {
    Descriptor folder;
    const bool is_abstract = path.starts_with('@');
    RESONANT_ASSIGN(const SocketAddress address, is_abstract ? abstract_name(path) : file_address(path, folder));
    Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket) {
        return std::unexpected(failed("socket"));
    }
    const timeval patience{kPatience_s, 0};
    static_cast<void>(::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience));
    if (::connect(socket.get(), address.get(), address.size) != 0) {
        const int error = errno;
        constexpr std::string_view kSocket = "/plane.sock";
        const std::string home = path.ends_with(kSocket) ? " --home " + path.substr(0, path.size() - kSocket.size()) : "";
        return fail(Code::NotFound, fmt::format("attach: no kernel listens on {} ({}); start one with: resonant up{}",
                                                path, std::strerror(error), home));
    }
    RESONANT_CHECK(is_abstract ? expect_holder(socket.get(), path) : Status{});
    return socket;
}

// One line to the kernel, with a descriptor when `fd` is one; its line back.
Result<std::string> ask(int socket, std::string line, int fd = -1) {
    line += '\n';
    iovec bytes{line.data(), line.size()};
    RightsRoom room;
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    put_rights(message, room, {&fd, fd >= 0 ? std::size_t{1} : 0});
    if (::sendmsg(socket, &message, MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) {
        return std::unexpected(failed("the kernel has ended"));
    }
    std::string answer;
    while (answer.size() < kAnswerMax) {
        char byte = 0;
        if (::recv(socket, &byte, 1, 0) != 1) {
            return std::unexpected(failed("the kernel hung up or is silent"));
        }
        if (byte == '\n') {
            break;
        }
        answer += byte;
    }
    return answer;
}

}  // namespace

std::optional<board::Field> field_named(std::string_view name) {
    constexpr std::string_view kUser = "user.";
    if (!name.starts_with(kUser)) {
        return board::find_field(name);
    }
    unsigned number = 0;
    const char* end = name.data() + name.size();
    const auto parsed = std::from_chars(name.data() + kUser.size(), end, number);
    if (parsed.ec != std::errc{} || parsed.ptr != end || number >= board::kUserFields) {
        return std::nullopt;
    }
    return static_cast<board::Field>(static_cast<unsigned>(board::Field::UserFirst) + number);
}

std::optional<board::Field> Client::field_named(std::string_view name) const {
    constexpr std::string_view kUser = "user.";
    for (std::size_t i = 0; i < user_fields_.size(); ++i) {
        if (name == user_fields_[i] || name == std::string_view(user_fields_[i]).substr(kUser.size())) {
            return static_cast<board::Field>(static_cast<std::size_t>(board::Field::UserFirst) + i);
        }
    }
    return client::field_named(name);
}

Result<std::unique_ptr<Client>> Client::attach(const std::string& path) {
    const Door door = door_of(path);
    RESONANT_ASSIGN(Descriptor socket, connected(door.path));
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return std::unexpected(failed("socketpair"));
    }
    const Descriptor here(pair[0]);
    const Descriptor there(pair[1]);
    RESONANT_ASSIGN(const std::string answer, ask(socket.get(), door.share, there.get()));
    if (!answer.starts_with("ok")) {
        return fail(Code::Unavailable, fmt::format("attach: the kernel refused: {}", answer));
    }
    RESONANT_ASSIGN(shm::Received received, shm::receive_descriptors(here.get()));
    RESONANT_ASSIGN(auto plane, plane::AgentPlane::attach(std::move(received.descriptors)));
    RESONANT_ASSIGN(const ring::Subscription events, plane->subscribe());
    // An older kernel does not know the request; its user fields have numbers only.
    RESONANT_ASSIGN(const std::string fields, ask(socket.get(), "fields"));
    std::unique_ptr<Client> made(new Client(path, std::move(socket), std::move(plane), events));
    std::istringstream words(fields);
    for (std::string word; fields.starts_with("ok") && words >> word;) {
        if (word != "ok" && made->user_fields_.size() < board::kUserFields) {
            made->user_fields_.push_back(word);
        }
    }
    return made;
}

void Client::seek(std::uint64_t position) {
    if (const auto there = plane_->subscribe(position)) {  // the ring was checked when it was attached
        events_ = *there;
    }
}

bool Client::is_alive() const {
    char byte = 0;
    const ssize_t got = ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
}

Status Client::attach_again() {
    RESONANT_ASSIGN(const std::unique_ptr<Client> next, attach(path_));
    const bool same = next->plane_->epoch() == plane_->epoch();
    const std::uint64_t position = same ? events_.position() : 0;
    lost_before_ += events_.lost();
    socket_ = std::move(next->socket_);
    plane_ = std::move(next->plane_);
    user_fields_ = std::move(next->user_fields_);
    seek(position);
    return {};
}

Result<bool> Client::wait(Nanos timeout) {
    if (!events_.has_news()) {
        RESONANT_ASSIGN(const std::string answer,
                        ask(socket_.get(), fmt::format("arm {}", events_.position())));
        if (!answer.starts_with("ok")) {
            return fail(Code::Unavailable, fmt::format("wait: the kernel refused: {}", answer));
        }
    }
    return events_.wait(nullptr, ring::WaitStrategy::Block, timeout);
}

}  // namespace resonant::client
