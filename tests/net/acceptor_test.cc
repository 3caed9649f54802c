#include "resonant/net/acceptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <ctime>
#include <string>
#include <vector>

#include "resonant/base/socket_address.h"

namespace resonant::net {
namespace {

std::int64_t thread_ms() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1'000 + now.tv_nsec / 1'000'000;
}

class AcceptorTest : public testing::Test {
  protected:
    void SetUp() override {
        auto loop = Loop::create();
        ASSERT_TRUE(loop);
        loop_ = std::move(*loop);
        auto address = abstract_name("@resonant-acceptor-" + std::to_string(::getpid()));
        ASSERT_TRUE(address);
        address_ = *address;
        Descriptor listener(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        ASSERT_EQ(bind(listener.get(), address_.get(), address_.size), 0);
        ASSERT_EQ(listen(listener.get(), kBacklog), 0);
        auto acceptor = Acceptor::open(*loop_, std::move(listener), [this](Descriptor socket, Acceptor::Room room) {
            if (room == Acceptor::Room::Reserve) {
                static_cast<void>(!::send(socket.get(), "full", 4, MSG_DONTWAIT | MSG_NOSIGNAL));
                ++refused_;
            } else {
                held_.push_back(std::move(socket));
            }
        });
        ASSERT_TRUE(acceptor);
        acceptor_ = std::move(*acceptor);
    }
    void TearDown() override { fillers_.clear(); }
    Descriptor connect() {
        Descriptor end(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(end.get(), address_.get(), address_.size), 0);
        return end;
    }
    // Takes every descriptor there is.
    void use_up() {
        getrlimit(RLIMIT_NOFILE, &before_);
        rlimit low = before_;
        low.rlim_cur = 256;
        setrlimit(RLIMIT_NOFILE, &low);
        for (Descriptor one(::open("/dev/null", O_RDONLY | O_CLOEXEC)); one; one = Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC))) {
            fillers_.push_back(std::move(one));
        }
    }
    void give_back() {
        fillers_.clear();
        setrlimit(RLIMIT_NOFILE, &before_);
    }
    void run_for(int millis) {
        loop_->after(from_millis(millis), [this] { loop_->stop(); });
        loop_->run();
    }

    std::unique_ptr<Loop> loop_;
    SocketAddress address_;
    std::vector<Descriptor> held_;
    std::vector<Descriptor> fillers_;
    rlimit before_{};
    int refused_ = 0;
    std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, many_who_come_at_once_are_all_accepted) {
    std::vector<Descriptor> clients;
    for (int i = 0; i < 150; ++i) {
        clients.push_back(connect());
    }
    for (int i = 0; i < 200 && held_.size() < 150; ++i) {
        run_for(5);
    }
    EXPECT_EQ(held_.size(), 150U);
    EXPECT_EQ(refused_, 0);
}

TEST_F(AcceptorTest, without_descriptors_it_refuses_in_words_rests_and_goes_on_by_itself) {
    std::vector<Descriptor> clients;
    for (int i = 0; i < 4; ++i) {
        clients.push_back(connect());
    }
    use_up();
    const std::int64_t before = thread_ms();
    run_for(400);
    const std::int64_t spent = thread_ms() - before;
    const std::size_t held = held_.size();
    const int refused = refused_;
    give_back();
    EXPECT_EQ(held, 0U);
    EXPECT_GE(refused, 1);
    EXPECT_LT(spent, 200) << "ms of processor in 400 ms: the listener stays readable";
    std::string heard(4, '\0');
    EXPECT_EQ(recv(clients[0].get(), heard.data(), 4, 0), 4);
    EXPECT_EQ(heard, "full");
    const auto waiting = 4U - static_cast<unsigned>(refused);
    for (int i = 0; i < 200 && held_.size() < waiting; ++i) {
        run_for(5);
    }
    EXPECT_EQ(held_.size(), waiting) << "who was not refused is accepted later";
}

}  // namespace
}  // namespace resonant::net
