#include "resonant/plane/agent_plane.h"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstdlib>
#include <fstream>

#include "resonant/plane/kernel_plane.h"
#include "resonant/shm/handover.h"
#include "tests/support/fork.h"
#include "tests/support/sockets.h"
#include "tests/support/repository.h"

namespace resonant::plane {
namespace {

std::unique_ptr<KernelPlane> made(Clock& clock, std::uint64_t epoch = 7) {
    return std::move(*KernelPlane::create(clock, epoch));
}

TEST(AgentPlane, reads_the_board_and_follows_the_ring_of_the_kernel) {
    ManualClock clock;
    const auto kernel = made(clock);
    const auto agent = AgentPlane::attach(*kernel->share());
    ASSERT_TRUE(agent.has_value());
    ring::Subscription reader = *(*agent)->subscribe();
    kernel->set_field(board::Field::Energy, 0.5, "kernel");
    EXPECT_EQ((*agent)->board().field(board::Field::Energy), 0.5);
    EXPECT_EQ((*agent)->epoch(), 7U);
    ring::Event event;
    EXPECT_EQ(reader.poll(event), ring::Poll::Got);
    EXPECT_EQ((*agent)->subscribe(0)->position(), 0U);
}

TEST(AgentPlane, keeps_standing_still_when_the_kernel_is_gone) {
    ManualClock clock;
    auto kernel = made(clock);
    kernel->set_field(board::Field::Energy, 0.5, "kernel");
    const auto agent = AgentPlane::attach(*kernel->share());
    kernel.reset();
    EXPECT_EQ((*agent)->board().harmony().energy, 0.5);
}

TEST(AgentPlane, refuses_what_is_no_plane) {
    ManualClock clock;
    const auto kernel = made(clock);
    EXPECT_EQ(AgentPlane::attach({}).error().code, Code::InvalidArgument);

    std::vector<Descriptor> swapped = *kernel->share();
    std::swap(swapped[0], swapped[1]);
    EXPECT_EQ(AgentPlane::attach(std::move(swapped)).error().code, Code::DataLoss);

    std::vector<Descriptor> unsealed = *kernel->share();
    unsealed[0].reset(::memfd_create("board", MFD_CLOEXEC));
    EXPECT_EQ(AgentPlane::attach(std::move(unsealed)).error().code, Code::PermissionDenied);

    const auto next_kernel = made(clock, 8);
    std::vector<Descriptor> mixed = *kernel->share();
    mixed[1] = std::move((*next_kernel->share())[1]);
    EXPECT_EQ(AgentPlane::attach(std::move(mixed)).error().code, Code::Conflict);
}

TEST(AgentPlane, works_for_another_uid_whose_every_write_is_refused) {
    if (::getuid() != 0) {
        GTEST_SKIP() << "only root can become another user";
    }
    ManualClock clock;
    const auto kernel = made(clock);
    kernel->set_field(board::Field::Energy, 0.75, "kernel");
    test::SocketPair sockets;
    test::Forked contained([&] {
        ASSERT_TRUE(test::become_nobody());
        Result<shm::Received> received = shm::receive_descriptors(sockets.there.get());
        ASSERT_TRUE(received.has_value());
        for (const Descriptor& descriptor : received->descriptors) {
            EXPECT_EQ(
                ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.get(), 0),
                MAP_FAILED);
            EXPECT_LT(::pwrite(descriptor.get(), "x", 1, 0), 0);
        }
        const auto agent = AgentPlane::attach(std::move(received->descriptors));
        ASSERT_TRUE(agent.has_value());
        EXPECT_EQ((*agent)->board().field(board::Field::Energy), 0.75);
        ring::Subscription reader = *(*agent)->subscribe(0);
        ring::Event event;
        EXPECT_EQ(reader.poll(event), ring::Poll::Got);
        void* page = const_cast<void*>((*agent)->board().page());
        EXPECT_NE(::mprotect(page, 4096, PROT_READ | PROT_WRITE), 0);
        EXPECT_DEATH(*static_cast<volatile char*>(page) = 1, "");
    });
    const std::vector<Descriptor> shared = *kernel->share();
    const int fds[] = {shared[0].get(), shared[1].get()};
    ASSERT_TRUE(shm::send_descriptors(sockets.here.get(), fds, "plane").has_value());
    EXPECT_EQ(contained.wait(), 0);
    EXPECT_EQ(kernel->board().view().harmony().energy, 0.75);
}

// Compiles a function that is given an AgentPlane and does `statement`.
bool compiles(const std::string& statement) {
    const std::string file = ::testing::TempDir() + fmt::format("agent_writes_{}.cc", ::getpid());
    std::ofstream(file) << "#include \"resonant/plane/agent_plane.h\"\n"
                           "using namespace resonant;\n"
                           "void agent(plane::AgentPlane& plane) { "
                        << statement << " }\n";
    const std::string command = fmt::format("g++ -std=c++23 -fsyntax-only -I '{}' '{}' 2>/dev/null",
                                            test::repository().string(), file);
    const bool succeeded = std::system(command.c_str()) == 0;
    std::remove(file.c_str());
    return succeeded;
}

TEST(AgentPlane, does_not_compile_a_call_that_writes) {
    ASSERT_TRUE(
        compiles("static_cast<void>(plane.board().harmony().energy + plane.board().field({}));"))
        << "the control must compile, or the rest proves nothing";
    EXPECT_FALSE(compiles("plane.board().set(board::Field::Energy, 1.0);"));
    EXPECT_FALSE(compiles("plane.subscribe()->publish(ring::Event{});"));
}

}  // namespace
}  // namespace resonant::plane
