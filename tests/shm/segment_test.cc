#include "resonant/shm/segment.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstring>

#include "resonant/shm/handover.h"
#include "tests/support/fork.h"
#include "tests/support/sockets.h"

namespace resonant::shm {
namespace {

// Everything a process can try with a descriptor it was given, in order to write.
void expect_every_write_is_refused(int fd, std::size_t size) {
    void* page = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
    ASSERT_NE(page, MAP_FAILED);
    EXPECT_EQ(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    EXPECT_NE(::mprotect(page, size, PROT_READ | PROT_WRITE), 0);
    EXPECT_LT(::pwrite(fd, "x", 1, 0), 0);
    EXPECT_NE(::ftruncate(fd, 0), 0);
    EXPECT_NE(::ftruncate(fd, static_cast<off_t>(size) * 2), 0);
    EXPECT_NE(
        ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size)),
        0);
    EXPECT_NE(::fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    // The owner may change the mode and open again; the seal still refuses a writable mapping.
    static_cast<void>(::fchmod(fd, 0600));
    const Descriptor again(::open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_RDWR | O_CLOEXEC));
    if (again) {
        EXPECT_EQ(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, again.get(), 0),
                  MAP_FAILED);
        EXPECT_LT(::pwrite(again.get(), "x", 1, 0), 0);
    }
    ::munmap(page, size);
}

Segment made(std::uint64_t size = 4096) {
    Result<Segment> segment = Segment::create("test", Bytes{size});
    EXPECT_TRUE(segment.has_value());
    return std::move(*segment);
}

TEST(Segment, begins_as_zeroes_and_shows_the_makers_stores_to_a_reader) {
    Segment maker = made();
    Result<Segment> reader = Segment::attach(*maker.share(), Bytes{4096});
    ASSERT_TRUE(reader.has_value());
    EXPECT_EQ(std::to_integer<int>(reader->data()[17]), 0);
    maker.writable()[17] = std::byte{42};
    EXPECT_EQ(std::to_integer<int>(reader->data()[17]), 42);
}

TEST(Segment, refuses_every_write_to_the_same_uid) {
    Segment maker = made();
    const Result<Descriptor> shared = maker.share();
    ASSERT_TRUE(shared.has_value());
    expect_every_write_is_refused(shared->get(), maker.size());
    EXPECT_EQ(std::to_integer<int>(maker.data()[0]), 0);
}

TEST(Segment, refuses_every_write_to_another_uid_that_can_still_read) {
    if (::getuid() != 0) {
        GTEST_SKIP() << "only root can become another user";
    }
    Segment maker = made();
    maker.writable()[0] = std::byte{7};
    test::SocketPair sockets;
    test::Forked agent([&] {
        ASSERT_TRUE(test::become_nobody());
        Result<Received> received = receive_descriptors(sockets.there.get());
        ASSERT_TRUE(received.has_value());
        expect_every_write_is_refused(received->descriptors.at(0).get(), 4096);
        const Descriptor link(::open(
            fmt::format("/proc/self/fd/{}", received->descriptors.at(0).get()).c_str(), O_RDWR));
        EXPECT_LT(link.get(), 0);
        const Result<Segment> reader =
            Segment::attach(std::move(received->descriptors[0]), Bytes{4096});
        ASSERT_TRUE(reader.has_value());
        EXPECT_EQ(std::to_integer<int>(reader->data()[0]), 7);
    });
    const Result<Descriptor> shared = maker.share();
    const int fds[] = {shared->get()};
    ASSERT_TRUE(send_descriptors(sockets.here.get(), fds, "board").has_value());
    EXPECT_EQ(agent.wait(), 0);
}

TEST(Segment, leaves_a_hole_in_a_forked_child) {
    Segment maker = made();
    test::Forked child([&] { maker.writable()[0] = std::byte{1}; });
    EXPECT_NE(child.wait(), 0) << "the store must kill it";
    EXPECT_EQ(std::to_integer<int>(maker.data()[0]), 0);
}

TEST(Segment, attaches_only_to_memory_whose_maker_cannot_shrink_it) {
    Descriptor unsealed(::memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(::ftruncate(unsealed.get(), 4096), 0);
    const Result<Segment> refused = Segment::attach(std::move(unsealed), Bytes{4096});
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Code::PermissionDenied);

    const Result<Segment> no_memory =
        Segment::attach(Descriptor(::open("/dev/null", O_RDONLY)), Bytes{1});
    ASSERT_FALSE(no_memory.has_value());
    EXPECT_EQ(no_memory.error().code, Code::PermissionDenied);
}

TEST(Segment, says_that_a_segment_is_too_small) {
    const Segment maker = made(4096);
    const Result<Segment> refused = Segment::attach(*maker.share(), Bytes{8192});
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Code::DataLoss);
    EXPECT_NE(refused.error().message.find("4096"), std::string::npos);
}

TEST(Segment, says_that_it_cannot_be_made) {
    EXPECT_EQ(Segment::create("none", Bytes{0}).error().code, Code::InvalidArgument);
    EXPECT_FALSE(Segment::create("huge", Bytes{std::uint64_t{1} << 62}).has_value());
}

TEST(SegmentDeathTest, stops_a_reader_that_asks_for_the_writable_side) {
    const Segment maker = made();
    Result<Segment> reader = Segment::attach(*maker.share(), Bytes{4096});
    EXPECT_DEATH(static_cast<void>(reader->writable()), "only the maker");
}

}  // namespace
}  // namespace resonant::shm
