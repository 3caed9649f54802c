#include "resonant/net/kernel_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "resonant/base/socket_address.h"
#include "tests/support/scratch.h"

namespace resonant::net {
namespace {

// A kernel that echoes: text back, and how many descriptors came.
class KernelSocketTest : public testing::Test {
  protected:
    void open(const std::filesystem::path& path, KernelSocket::Options options = KernelSocket::Options()) {
        auto loop = Loop::create();
        ASSERT_TRUE(loop);
        loop_ = std::move(*loop);
        auto socket = KernelSocket::open(
            *loop_, path,
            {[this](KernelMessage message) {
                 if (message.text == "bye") {
                     socket_->close(message.connection);
                     return;
                 }
                 socket_->send(message.connection,
                               message.text + "+" + std::to_string(message.descriptors.size()));
             },
             [this](std::uint64_t) { ++closed_; }},
            std::move(options));
        ASSERT_TRUE(socket) << socket.error().message;
        socket_ = std::move(*socket);
        runner_ = std::thread([this] { loop_->run(); });
    }
    void TearDown() override {
        if (runner_.joinable()) {
            loop_->stop();
            runner_.join();
        }
    }

    test::Scratch scratch_;
    std::unique_ptr<Loop> loop_;
    std::unique_ptr<KernelSocket> socket_;
    std::thread runner_;
    std::atomic<int> closed_{0};
};

TEST_F(KernelSocketTest, answers_lines_and_takes_descriptors) {
    const auto path = scratch_.path() / "kernel.sock";
    open(path);
    auto link = KernelLink::connect(path);
    ASSERT_TRUE(link) << link.error().message;
    EXPECT_EQ(link->ask("hello", from_seconds(10)).value(), "hello+0");
    const int given[] = {0, 1, 2};
    ASSERT_TRUE(link->send("three", given));
    EXPECT_EQ(link->receive(from_seconds(10)).value(), "three+3");
    EXPECT_EQ(link->ask("again", from_seconds(10)).value(), "again+0");
}

TEST_F(KernelSocketTest, is_for_its_user_only) {
    const auto path = scratch_.path() / "kernel.sock";
    open(path);
    struct stat facts {};
    ASSERT_EQ(stat(path.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777U, 0600U);
}

// The peer's end of an abstract name.
Descriptor connected_to(const std::string& name) {
    Descriptor end(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto abstract = abstract_name(name);
    if (!abstract || ::connect(end.get(), abstract->get(), abstract->size) != 0) {
        end.reset();
    }
    return end;
}

std::string told(const Descriptor& end, const std::string& line) {
    std::array<char, 512> answer{};
    if (::send(end.get(), line.data(), line.size(), MSG_NOSIGNAL) < 0) {
        return {};
    }
    const ssize_t got = ::recv(end.get(), answer.data(), answer.size(), 0);
    return {answer.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
}

TEST_F(KernelSocketTest, any_user_has_sixteen_connections_and_short_lines) {
    const std::string name = "@resonant-test-" + std::to_string(::getpid());
    open(name, {.access = KernelSocket::Access::AnyUser});
    std::vector<Descriptor> ends;
    for (int i = 0; i < 16; ++i) {
        ends.push_back(connected_to(name));
        ASSERT_EQ(told(ends.back(), "hello\n"), "hello+0\n");
    }
    EXPECT_EQ(told(connected_to(name), "hello\n"), "") << "the seventeenth";
    EXPECT_EQ(told(ends[0], std::string(256, 'a') + "\n"), std::string(256, 'a') + "+0\n");
    EXPECT_EQ(told(ends[0], std::string(257, 'a') + "\n"), "") << "with its end";
    EXPECT_EQ(told(ends[1], std::string(257, 'a')), "") << "without";
    EXPECT_EQ(told(connected_to(name), "hello\n"), "hello+0\n") << "one has gone, one may come";
}

TEST_F(KernelSocketTest, a_name_that_is_held_is_a_conflict) {
    const std::string name = "@resonant-test-" + std::to_string(::getpid());
    open(name, {.access = KernelSocket::Access::AnyUser});
    const auto second = KernelSocket::open(*loop_, name, {}, {.access = KernelSocket::Access::AnyUser});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::Conflict);
}

TEST_F(KernelSocketTest, works_where_the_path_is_longer_than_an_address) {
    auto folder = scratch_.path();
    for (int i = 0; i < 4; ++i) {
        folder /= std::string(60, static_cast<char>('a' + i));
    }
    std::filesystem::create_directories(folder);
    open(folder / "kernel.sock");
    auto link = KernelLink::connect(folder / "kernel.sock");
    ASSERT_TRUE(link) << link.error().message;
    EXPECT_EQ(link->ask("far", from_seconds(10)).value(), "far+0");
}

TEST_F(KernelSocketTest, a_stale_socket_is_replaced) {
    const auto path = scratch_.path() / "kernel.sock";
    open(path);
    TearDown();
    std::filesystem::rename(path, scratch_.path() / "kept");
    socket_.reset();
    std::filesystem::rename(scratch_.path() / "kept", path);  // as a killed kernel leaves it
    const auto stale = KernelLink::connect(path);
    ASSERT_FALSE(stale);
    EXPECT_EQ(stale.error().code, Code::NotFound);
    open(path);
    EXPECT_TRUE(KernelLink::connect(path));
}

TEST_F(KernelSocketTest, nobody_there_says_how_to_start_one) {
    const auto link = KernelLink::connect(scratch_.path() / "kernel.sock");
    ASSERT_FALSE(link);
    EXPECT_EQ(link.error().code, Code::NotFound);
    EXPECT_NE(link.error().message.find("resonant up"), std::string::npos);
}

TEST_F(KernelSocketTest, a_long_text_goes_both_ways) {
    const auto path = scratch_.path() / "kernel.sock";
    open(path);
    auto link = KernelLink::connect(path);
    ASSERT_TRUE(link);
    const std::string text(3 << 20, 't');
    EXPECT_EQ(link->ask(text, from_seconds(20)).value(), text + "+0");
}

TEST_F(KernelSocketTest, a_line_without_end_is_cut_off_at_the_limit) {
    const auto path = scratch_.path() / "kernel.sock";
    open(path);
    auto link = KernelLink::connect(path);
    ASSERT_TRUE(link);
    // The kernel hangs up in the middle, so sending may fail; what counts is that it goes on.
    static_cast<void>(link->send(std::string(6 << 20, 'x')));
    EXPECT_FALSE(link->receive(from_seconds(10)));
    auto other = KernelLink::connect(path);
    ASSERT_TRUE(other);
    EXPECT_EQ(other->ask("alive", from_seconds(10)).value(), "alive+0");
}

TEST_F(KernelSocketTest, hanging_up_is_noticed_on_both_sides) {
    const auto path = scratch_.path() / "kernel.sock";
    open(path);
    {
        auto link = KernelLink::connect(path);
        ASSERT_TRUE(link);
        ASSERT_TRUE(link->ask("here", from_seconds(10)));
        ASSERT_TRUE(link->send("bye"));
        const auto gone = link->receive(from_seconds(10));
        ASSERT_FALSE(gone);
        EXPECT_EQ(gone.error().code, Code::Unavailable);
    }
    { ASSERT_TRUE(KernelLink::connect(path)); }
    while (closed_.load() < 2) {
        std::this_thread::yield();
    }
}

TEST_F(KernelSocketTest, beyond_the_limit_one_line_is_answered_and_then_nobody_is_without_words) {
    const auto path = scratch_.path() / "kernel.sock";
    open(path, {.connections_max = 3, .refusal = "full"});
    std::vector<KernelLink> links;
    for (std::size_t i = 0; i < 3 + kBriefMax; ++i) {
        auto link = KernelLink::connect(path);
        ASSERT_TRUE(link) << link.error().message;
        links.push_back(std::move(*link));
    }
    EXPECT_EQ(links[2].ask("stays", from_seconds(10)).value(), "stays+0");
    auto late = KernelLink::connect(path);
    ASSERT_TRUE(late);
    EXPECT_EQ(late->receive(from_seconds(10)).value(), "full");
    EXPECT_EQ(links.back().ask("brief", from_seconds(10)).value(), "brief+0");
    EXPECT_FALSE(links.back().receive(from_seconds(10))) << "and is closed";
    EXPECT_EQ(links[2].ask("stays", from_seconds(10)).value(), "stays+0");
}

TEST_F(KernelSocketTest, who_sends_nothing_more_still_hears_everything) {
    const auto path = scratch_.path() / "kernel.sock";
    open(path);
    auto link = KernelLink::connect(path);
    ASSERT_TRUE(link);
    const std::string text(3 << 20, 't');
    std::jthread writer([&] {
        ASSERT_TRUE(link->send(text));
        ASSERT_TRUE(link->send(text));
        ASSERT_EQ(shutdown(link->descriptor(), SHUT_WR), 0);
    });
    std::string heard;
    for (std::array<char, 65536> bytes; heard.size() < 2 * (text.size() + 3);) {
        const ssize_t count = recv(link->descriptor(), bytes.data(), bytes.size(), 0);
        ASSERT_GT(count, 0) << heard.size();
        heard.append(bytes.data(), static_cast<std::size_t>(count));
    }
    char end = 0;
    EXPECT_EQ(recv(link->descriptor(), &end, 1, 0), 0) << "and then it is closed";
}

}  // namespace
}  // namespace resonant::net
