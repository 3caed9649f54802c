#include "resonant/net/acceptor.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "resonant/base/log.h"

namespace resonant::net {
namespace {

bool is_out_of_room(int error) { return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM; }

Descriptor accept_one(int listener) {
    return Descriptor(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

Descriptor spare() { return Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace

Result<std::unique_ptr<Acceptor>> Acceptor::open(Loop& loop, Descriptor listener, Accepted accepted) {
    auto acceptor = std::unique_ptr<Acceptor>(new Acceptor(loop, std::move(listener), std::move(accepted)));
    RESONANT_CHECK(acceptor->watch());
    return acceptor;
}

Acceptor::Acceptor(Loop& loop, Descriptor listener, Accepted accepted)
    : loop_(loop), listener_(std::move(listener)), reserve_(spare()), accepted_(std::move(accepted)) {}

Acceptor::~Acceptor() {
    loop_.cancel(resting_);
    loop_.unwatch(listener_.get());
}

Status Acceptor::watch() {
    return loop_.watch(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept(); });
}

void Acceptor::accept() {
    if (!reserve_) {
        reserve_ = spare();  // before anybody else gets the descriptor
    }
    for (int turns = 0; turns < kAcceptsAtOnce; ++turns) {
        Descriptor socket = accept_one(listener_.get());
        if (socket) {
            short_of_room_ = false;
            accepted_(std::move(socket), Room::Enough);
        } else if (is_out_of_room(errno)) {
            if (!std::exchange(short_of_room_, true)) {
                log().warn("accept: {}; new connections are refused until others end", std::strerror(errno));
            }
            use_reserve();
            rest();
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

void Acceptor::use_reserve() {
    if (!std::exchange(reserve_, Descriptor())) {
        return;  // the last one accepted on it is still there
    }
    if (Descriptor socket = accept_one(listener_.get()); socket) {
        accepted_(std::move(socket), Room::Reserve);
    }
}

// The listener stays readable, so it is not watched for a while.
void Acceptor::rest() {
    loop_.unwatch(listener_.get());
    resting_ = loop_.after(kRest, [this] {
        if (const Status watched = watch(); !watched) {
            log().warn("accept: {}", watched.error().message);
            rest();
        }
    });
}

}  // namespace resonant::net
