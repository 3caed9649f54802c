// LineConnection against a naive twin: a client that sends random requests, in one of several ways of not
// being a good reader, and counts what it hears. Everything runs on one thread, so a seed replays it.
//
//   RESONANT_LONG=1 build/tests/test_net --gtest_filter='LineModel*'   # 1,000 seeds
//   RESONANT_SEED=7 build/tests/test_net --gtest_filter='LineModel*'   # one
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <deque>
#include <map>
#include <random>

#include "resonant/net/lines.h"
#include "tests/support/interrupt.h"

namespace resonant::net {
namespace {

constexpr std::size_t kOpenAtOnce = 24;   // where the sink pauses, as the stdio front does
constexpr int kSilenceMax = 2'000;        // rounds of the loop in which nothing moves

enum class Ends : std::uint8_t { Pipes, Sockets, OneSocket };
enum class Reader : std::uint8_t { Fast, Slow, Pausing, Stalling, Gone };

class World final : public LineSink {
  public:
    explicit World(std::uint64_t seed) : random_(seed) {
        ends_ = static_cast<Ends>(draw(0, 2));
        reader_ = static_cast<Reader>(draw(0, 4));
        options_.output_high = draw(1, 4) * 4096;
        answer_max_ = options_.output_high * draw(1, 3);
        options_.output_max = options_.output_high + (kOpenAtOnce + 64) * answer_max_;
        requests_ = draw(1, 300);
        some_later_ = draw(0, 2) == 0 ? 0 : draw(1, 100);
        gone_after_ = draw(0, 200);
    }

    void run() {
        auto loop = Loop::create();
        ASSERT_TRUE(loop);
        loop_ = std::move(*loop);
        open();
        if (testing::Test::HasFatalFailure()) {
            return;
        }
        write_requests();
        loop_->post([this] { step(); });
        loop_->run();
        check();
        connection_.reset();
    }

    std::string described() const {
        return std::string(ends_ == Ends::Pipes ? "pipes" : ends_ == Ends::Sockets ? "sockets" : "one socket") + ", reader " +
               std::to_string(static_cast<int>(reader_)) + ", " + std::to_string(requests_) + " requests, answers up to " +
               std::to_string(answer_max_) + ", heard " + std::to_string(heard_.size()) + ", delivered " +
               std::to_string(delivered_) + ", closed: " + closed_why_;
    }

  private:
    std::size_t draw(std::size_t least, std::size_t most) {
        return std::uniform_int_distribution<std::size_t>(least, most)(random_);
    }

    void open() {
        int in[2];
        int out[2];
        if (ends_ == Ends::Pipes) {
            ASSERT_EQ(pipe2(in, O_CLOEXEC), 0);
            ASSERT_EQ(pipe2(out, O_CLOEXEC), 0);
            if (draw(0, 1) == 0) {
                ASSERT_GT(fcntl(out[1], F_SETPIPE_SZ, 4096), 0);
            }
        } else {
            ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in), 0);
            ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out), 0);
        }
        Descriptor served_in(in[0]);
        Descriptor served_out(out[1]);
        to_.reset(in[1]);
        from_.reset(out[0]);
        if (ends_ == Ends::OneSocket) {
            served_out.reset(dup(served_in.get()));
            from_.reset(dup(to_.get()));
        }
        fcntl(to_.get(), F_SETFL, O_NONBLOCK);
        fcntl(from_.get(), F_SETFL, O_NONBLOCK);
        auto journal = Journal::create();
        ASSERT_TRUE(journal);
        auto connection = LineConnection::open(*loop_, std::move(served_in), std::move(served_out), std::move(*journal), *this,
                                               options_);
        ASSERT_TRUE(connection) << connection.error().message;
        connection_ = std::move(*connection);
        ASSERT_TRUE(connection_->start());
    }

    // "<number> <bytes of the answer> <n|l>": answered now, or later and in any order.
    void write_requests() {
        for (std::size_t i = 0; i < requests_; ++i) {
            const bool small = draw(0, 3) != 0;
            const bool later = some_later_ != 0 && draw(1, 100) <= some_later_;
            unsent_ += std::to_string(i) + " " + std::to_string(draw(0, small ? 200 : answer_max_)) + (later ? " l" : " n");
            unsent_ += draw(0, 20) == 0 ? "\n\n" : i + 1 == requests_ && draw(0, 1) == 0 ? "" : "\n";
        }
    }

    // --- the client, a little at each turn of the loop
    void step() {
        const std::size_t before = moved_;
        send_some();
        read_some();
        answer_some();
        silence_ = moved_ != before ? 0 : silence_ + (resting_ > 0 ? 0 : 1);
        if (closed_ > 0 && connection_) {
            open_labels_ = connection_->journal().open_count();
            connection_.reset();
        }
        if (finished() || silence_ > kSilenceMax) {
            loop_->stop();
            return;
        }
        loop_->post([this] { step(); });
    }
    void send_some() {
        if (!to_ || resting_ > 0) {
            return;
        }
        const std::size_t size = std::min(unsent_.size(), draw(0, 3) == 0 ? unsent_.size() : draw(1, 4096));
        const ssize_t count = size == 0 ? 0 : ::write(to_.get(), unsent_.data(), size);
        if (count > 0) {
            unsent_.erase(0, static_cast<std::size_t>(count));
            ++moved_;
        }
        if (unsent_.empty()) {
            ends_ == Ends::OneSocket ? static_cast<void>(shutdown(to_.get(), SHUT_WR)) : to_.reset();
            to_.reset();  // half-closed: it reads on
            ++moved_;
        }
    }
    void read_some() {
        if (!from_) {
            return;
        }
        if (resting_ > 0) {
            --resting_;
            return;
        }
        if (reader_ == Reader::Gone && ++rounds_ > gone_after_) {
            from_.reset();
            to_.reset();
            ++moved_;
            return;
        }
        if (reader_ == Reader::Pausing && draw(0, 30) == 0) {
            resting_ = draw(1, 300);
        } else if (reader_ == Reader::Stalling && !stalled_ && draw(0, 10) == 0) {
            stalled_ = true;
            resting_ = 3'000;
        }
        const ssize_t count = ::read(from_.get(), bytes_.data(), reader_ == Reader::Slow ? draw(1, 2'000) : bytes_.size());
        if (count > 0) {
            ++moved_;
            hear(std::string_view(bytes_).substr(0, static_cast<std::size_t>(count)));
        } else if (count == 0 || errno != EAGAIN) {
            from_.reset();
            ++moved_;
        }
    }
    void hear(std::string_view bytes) {
        half_ += bytes;
        std::size_t from = 0;
        for (std::size_t end = half_.find('\n'); end != std::string::npos; end = half_.find('\n', from)) {
            const std::string answer = half_.substr(from, end - from);
            from = end + 1;
            const std::size_t number = std::strtoull(answer.c_str(), nullptr, 10);
            ++heard_[number];
            order_.push_back(number);
            whole_ = whole_ && asked_.contains(number) && answer == asked_.at(number).text;
        }
        half_.erase(0, from);
    }

    // --- the server
    struct Asked {
        std::string text;
        bool now = false;
    };
    void line(LineConnection& from, std::string_view line) override {
        kept_limits_ = kept_limits_ && !from.reader_is_slow() && from.journal().open_count() < kOpenMax;
        const std::string text(line);
        char* rest = nullptr;
        const std::size_t number = std::strtoull(text.c_str(), &rest, 10);
        const std::size_t size = std::strtoull(rest, &rest, 10);
        const std::string head = std::to_string(number) + " ";
        Asked asked{head + std::string(size, static_cast<char>('a' + number % 26)), text.ends_with('n')};
        once_ = once_ && !asked_.contains(number);
        asked_[number] = asked;
        ++delivered_;
        ++moved_;
        kept_limits_ = from.journal().open(std::to_string(number)) && kept_limits_;
        from.take();
        if (asked.now) {
            from.send(asked.text, std::to_string(number));
        } else {
            open_.push_back(number);
            if (open_.size() >= kOpenAtOnce) {
                paused_ = true;
                from.pause();
            }
        }
    }
    void answer_some() {
        if (!connection_ || connection_->ended()) {
            open_.clear();
            return;
        }
        measure();
        for (std::size_t i = draw(0, 3); i > 0 && !open_.empty() && !connection_->ended(); --i) {
            const auto chosen = open_.begin() + static_cast<std::ptrdiff_t>(draw(0, open_.size() - 1));
            const std::size_t number = *chosen;
            open_.erase(chosen);
            ++moved_;
            if (draw(0, 15) == 0) {
                withdrawn_[number] = true;
                connection_->withdraw(std::to_string(number));
            } else {
                connection_->send(asked_[number].text, std::to_string(number));
            }
        }
        if (paused_ && open_.size() < kOpenAtOnce) {
            paused_ = false;
            connection_->resume();
        }
        if (input_ended_ == 1 && open_.empty()) {
            connection_->finish();
        }
    }
    void measure() {
        const std::size_t reads_ahead = connection_->journal().input().size();
        kept_limits_ = kept_limits_ && connection_->waiting_bytes() <= options_.output_max && reads_ahead <= 3 * kReadAhead;
    }
    void overlong(LineConnection&, std::string_view, bool) override { kept_limits_ = false; }
    void input_ended(LineConnection&) override {
        ++input_ended_;
        ++moved_;
    }
    void closed(LineConnection&, const std::string& why) override {
        ++closed_;
        ++moved_;
        closed_why_ = why;
    }

    bool finished() const { return closed_ > 0 && !from_; }

    void check() {
        EXPECT_EQ(closed_, 1) << "silence: " << silence_ << " rounds; " << described();
        EXPECT_TRUE(once_) << "a line was delivered twice; " << described();
        EXPECT_TRUE(whole_) << "an answer came that is not what was asked for; " << described();
        EXPECT_TRUE(kept_limits_) << "more was delivered, read or held than the limits say; " << described();
        for (const auto& [number, times] : heard_) {
            EXPECT_EQ(times, 1) << number << "; " << described();
        }
        std::vector<std::size_t> in_order;
        for (const std::size_t number : order_) {
            if (asked_.at(number).now) {
                in_order.push_back(number);
            }
        }
        EXPECT_TRUE(std::is_sorted(in_order.begin(), in_order.end())) << described();
        if (reader_ == Reader::Gone) {
            return;
        }
        EXPECT_EQ(closed_why_, "finished");
        EXPECT_EQ(input_ended_, 1) << described();
        EXPECT_EQ(delivered_, requests_) << described();
        EXPECT_EQ(heard_.size() + withdrawn_.size(), requests_) << described();
        EXPECT_EQ(open_labels_, 0U) << described();
    }

    std::mt19937_64 random_;
    Ends ends_ = Ends::Pipes;
    Reader reader_ = Reader::Fast;
    LineOptions options_;
    std::size_t answer_max_ = 0;
    std::size_t requests_ = 0;
    std::size_t some_later_ = 0;
    std::size_t gone_after_ = 0;

    std::unique_ptr<Loop> loop_;
    Descriptor to_, from_;
    std::unique_ptr<LineConnection> connection_;
    std::string unsent_, half_, closed_why_;
    std::string bytes_ = std::string(256 * 1024, '\0');
    std::map<std::size_t, Asked> asked_;
    std::map<std::size_t, int> heard_;
    std::map<std::size_t, bool> withdrawn_;
    std::vector<std::size_t> order_;
    std::deque<std::size_t> open_;
    std::size_t delivered_ = 0, open_labels_ = 0, moved_ = 0, resting_ = 0, rounds_ = 0;
    int silence_ = 0, input_ended_ = 0, closed_ = 0;
    bool paused_ = false, stalled_ = false, once_ = true, whole_ = true, kept_limits_ = true;
};

TEST(LineModel, every_request_is_answered_once_whatever_the_reader_does) {
    const char* given = std::getenv("RESONANT_SEED");
    const std::uint64_t first = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
    const std::uint64_t seeds = given != nullptr ? 1 : test::long_run() ? 1'000 : 200;
    std::printf("seeds %lu to %lu; RESONANT_SEED=N repeats one\n", static_cast<unsigned long>(first),
                static_cast<unsigned long>(first + seeds - 1));
    for (std::uint64_t seed = first; seed < first + seeds && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE("RESONANT_SEED=" + std::to_string(seed));
        World(seed).run();
    }
}

}  // namespace
}  // namespace resonant::net
