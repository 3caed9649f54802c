#include "resonant/shm/handover.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <cstring>
#include <thread>

#include "tests/support/sockets.h"

namespace resonant::shm {
namespace {

using test::SocketPair;

ino_t inode_of(int fd) {
    struct stat about {};
    EXPECT_EQ(::fstat(fd, &about), 0);
    return about.st_ino;
}

std::size_t open_descriptors() {
    std::size_t count = 0;
    for (int fd = 0; fd < 1024; ++fd) {
        count += ::fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

TEST(Handover, carries_descriptors_in_order_with_their_words) {
    SocketPair sockets;
    SocketPair other;
    const int fds[] = {other.here.get(), other.there.get()};
    ASSERT_TRUE(send_descriptors(sockets.here.get(), fds, "hello").has_value());
    const Result<Received> received = receive_descriptors(sockets.there.get());
    ASSERT_TRUE(received.has_value());
    EXPECT_EQ(received->bytes, "hello");
    ASSERT_EQ(received->descriptors.size(), 2U);
    EXPECT_EQ(inode_of(received->descriptors[0].get()), inode_of(other.here.get()));
    EXPECT_EQ(inode_of(received->descriptors[1].get()), inode_of(other.there.get()));
    EXPECT_EQ(::fcntl(received->descriptors[0].get(), F_GETFD), FD_CLOEXEC);
}

TEST(Handover, keeps_messages_apart_on_a_stream) {
    SocketPair sockets;
    const int fds[] = {sockets.here.get()};
    ASSERT_TRUE(send_descriptors(sockets.here.get(), fds, "first").has_value());
    ASSERT_TRUE(send_descriptors(sockets.here.get(), {}, "").has_value());
    ASSERT_TRUE(send_descriptors(sockets.here.get(), fds, "third").has_value());
    EXPECT_EQ(receive_descriptors(sockets.there.get())->bytes, "first");
    EXPECT_TRUE(receive_descriptors(sockets.there.get())->descriptors.empty());
    EXPECT_EQ(receive_descriptors(sockets.there.get())->bytes, "third");
}

TEST(Handover, moves_words_larger_than_the_sockets_buffer_without_touching_its_flags) {
    SocketPair sockets;
    ASSERT_EQ(::fcntl(sockets.here.get(), F_SETFL, O_NONBLOCK), 0);
    ASSERT_EQ(::fcntl(sockets.there.get(), F_SETFL, O_NONBLOCK), 0);
    const std::string words(kHandoverBytesMax, 'w');
    std::jthread sender(
        [&] { EXPECT_TRUE(send_descriptors(sockets.here.get(), {}, words).has_value()); });
    EXPECT_EQ(receive_descriptors(sockets.there.get())->bytes, words);
    EXPECT_NE(::fcntl(sockets.there.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST(Handover, refuses_more_than_a_message_holds) {
    SocketPair sockets;
    std::array<int, kHandoverDescriptorsMax + 1> fds{};
    EXPECT_EQ(send_descriptors(sockets.here.get(), fds, "").error().code, Code::InvalidArgument);
    const std::string words(kHandoverBytesMax + 1, 'w');
    EXPECT_EQ(send_descriptors(sockets.here.get(), {}, words).error().code, Code::InvalidArgument);
}

TEST(Handover, tells_a_closed_socket_from_one_that_closed_in_the_middle) {
    SocketPair closed;
    closed.here.reset();
    EXPECT_EQ(receive_descriptors(closed.there.get()).error().code, Code::Unavailable);

    SocketPair half;
    ASSERT_EQ(::send(half.here.get(), "abc", 3, 0), 3);
    half.here.reset();
    EXPECT_EQ(receive_descriptors(half.there.get()).error().code, Code::DataLoss);
}

TEST(Handover, says_that_nobody_reads_any_more) {
    SocketPair sockets;
    sockets.there.reset();
    EXPECT_EQ(send_descriptors(sockets.here.get(), {}, "x").error().code, Code::Unavailable);
}

TEST(Handover, refuses_noise_and_leaks_no_descriptor_that_came_with_it) {
    const std::size_t before = open_descriptors();
    {
        SocketPair sockets;
        // A message that announces no descriptor but carries one.
        char bytes[8] = {0, 0, 0, 0, 0, 0, 0x52, 0x57};
        iovec piece{bytes, sizeof bytes};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
        msghdr message{};
        message.msg_iov = &piece;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        cmsghdr* head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        const int fd = sockets.here.get();
        std::memcpy(CMSG_DATA(head), &fd, sizeof fd);
        ASSERT_EQ(::sendmsg(sockets.here.get(), &message, 0), 8);
        EXPECT_EQ(receive_descriptors(sockets.there.get()).error().code, Code::DataLoss);

        ASSERT_EQ(::send(sockets.here.get(), "GET / HTTP/1.1\r\n", 16, 0), 16);
        EXPECT_EQ(receive_descriptors(sockets.there.get()).error().code, Code::DataLoss);
    }
    EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace resonant::shm
