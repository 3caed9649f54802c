// A connected pair of Unix stream sockets.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "resonant/base/descriptor.h"

namespace resonant::test {

struct SocketPair {
    SocketPair() {
        int ends[2] = {-1, -1};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        here.reset(ends[0]);
        there.reset(ends[1]);
    }
    Descriptor here;
    Descriptor there;
};

}  // namespace resonant::test
