#include "resonant/net/lines.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <functional>

namespace resonant::net {
namespace {

enum class Ends { Pipes, Socket };

// A client's ends, a connection on the others, and what the sink heard.
class Lines : public testing::TestWithParam<Ends>, protected LineSink {
  protected:
    void SetUp() override {
        auto loop = Loop::create();
        ASSERT_TRUE(loop);
        loop_ = std::move(*loop);
        int in[2];
        int out[2];
        if (GetParam() == Ends::Pipes) {
            ASSERT_EQ(pipe2(in, O_CLOEXEC), 0);
            ASSERT_EQ(pipe2(out, O_CLOEXEC), 0);
        } else {
            ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in), 0);
            ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out), 0);
        }
        kernel_in_.reset(in[0]);
        to_kernel_.reset(in[1]);
        from_kernel_.reset(out[0]);
        kernel_out_.reset(out[1]);
    }
    void open(LineOptions options = {}) {
        auto journal = Journal::create();
        ASSERT_TRUE(journal);
        auto connection = LineConnection::open(*loop_, Descriptor(dup(kernel_in_.get())),
                                               Descriptor(dup(kernel_out_.get())), std::move(*journal),
                                               *this, options);
        ASSERT_TRUE(connection) << connection.error().message;
        connection_ = std::move(*connection);
        ASSERT_TRUE(connection_->start());
    }
    // Runs the loop until `done`; a hanging test is ended by its own time limit.
    void run_until(const std::function<bool()>& done) {
        std::function<void()> look = [&] {
            done() ? loop_->stop() : static_cast<void>(loop_->after(from_millis(1), look));
        };
        look();
        loop_->run();
    }
    void say(std::string_view text) {
        ASSERT_EQ(write(to_kernel_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    std::string hear(std::size_t bytes) {
        std::string text(bytes, '\0');
        const ssize_t count = ::read(from_kernel_.get(), text.data(), bytes);
        text.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
        return text;
    }

    void line(LineConnection& from, std::string_view text) override {
        lines_.emplace_back(text);
        if (on_line) {
            on_line(from, text);
        }
    }
    void overlong(LineConnection&, std::string_view piece, bool last) override {
        overlong_ += piece.size();
        overlong_ended_ = overlong_ended_ || last;
    }
    void input_ended(LineConnection&) override { input_ended_ = true; }
    void closed(LineConnection&, const std::string& why) override { closed_ = why; }

    std::unique_ptr<Loop> loop_;
    Descriptor kernel_in_, kernel_out_, to_kernel_, from_kernel_;
    std::unique_ptr<LineConnection> connection_;
    std::function<void(LineConnection&, std::string_view)> on_line;
    std::vector<std::string> lines_;
    std::size_t overlong_ = 0;
    bool overlong_ended_ = false;
    bool input_ended_ = false;
    std::string closed_;
};

TEST_P(Lines, arrive_one_by_one_however_they_were_cut) {
    open();
    say("one\r\n\ntw");
    run_until([&] { return lines_.size() == 1; });
    say("o\nthree\n");
    run_until([&] { return lines_.size() == 3; });
    EXPECT_EQ(lines_, (std::vector<std::string>{"one", "two", "three"}));
}

TEST_P(Lines, the_last_line_needs_no_end) {
    open();
    say("last words");
    to_kernel_.reset();
    run_until([&] { return input_ended_; });
    EXPECT_EQ(lines_, std::vector<std::string>{"last words"});
}

TEST_P(Lines, leave_the_flags_of_the_client_alone) {
    open();
    say("x\n");
    run_until([&] { return lines_.size() == 1; });
    connection_->send("answer");
    for (const int fd : {kernel_in_.get(), kernel_out_.get(), to_kernel_.get(), from_kernel_.get()}) {
        EXPECT_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0) << fd;
    }
}

TEST_P(Lines, a_line_that_is_too_long_passes_through_and_the_next_one_is_served) {
    open();
    std::jthread writer([&] {
        const std::string chunk(1 << 20, 'a');
        for (int i = 0; i < 10; ++i) {
            say(chunk);
        }
        say("\nnext\n");
    });
    run_until([&] { return lines_.size() == 1; });
    EXPECT_EQ(lines_.front(), "next");
    EXPECT_EQ(overlong_, 10U << 20);
    EXPECT_TRUE(overlong_ended_);
}

TEST_P(Lines, a_label_leaves_the_journal_when_its_answer_is_written) {
    open();
    on_line = [](LineConnection& from, std::string_view) {
        ASSERT_TRUE(from.journal().open("7"));
        from.take();
        EXPECT_EQ(from.journal().open_labels(), std::vector<std::string>{"7"});
        EXPECT_TRUE(from.journal().input().empty()) << "the line crossed over";
        from.send("answer", "7");
    };
    say("question\n");
    run_until([&] { return lines_.size() == 1; });
    EXPECT_EQ(hear(100), "answer\n");
    EXPECT_EQ(connection_->journal().open_count(), 0U);
}

TEST_P(Lines, the_journal_says_mid_line_only_while_a_line_may_be_cut) {
    open();
    connection_->send(std::string(3'000, 'a'));
    EXPECT_FALSE(connection_->journal().mid_line()) << "it was written whole";
    connection_->send(std::string(1 << 20, 'b'));
    EXPECT_TRUE(connection_->journal().mid_line());
    std::size_t heard = 0;
    std::jthread reader([&] {
        while (heard < 3'001 + (1 << 20) + 1) {
            heard += hear(65'536).size();
        }
    });
    run_until([&] { return connection_->waiting_bytes() == 0; });
    EXPECT_FALSE(connection_->journal().mid_line());
}

TEST_P(Lines, a_full_output_at_the_end_of_a_line_is_not_mid_line) {
    LineOptions options;
    options.output_max = 64 << 20;
    open(options);
    fcntl(kernel_out_.get(), F_SETFL, O_NONBLOCK);  // as this test fills it itself
    const std::string filler(std::size_t{1} << 20, '\n');
    while (write(kernel_out_.get(), filler.data(), filler.size()) > 0) {
    }
    while (write(kernel_out_.get(), "\n", 1) > 0) {
    }
    connection_->send(std::string(20'000, 'c'));
    EXPECT_EQ(connection_->waiting_bytes(), 20'001U);
    EXPECT_FALSE(connection_->journal().mid_line()) << "nothing of it was written";
}

TEST_P(Lines, a_reader_that_never_reads_is_let_go_at_the_limit) {
    LineOptions options;
    options.output_max = 1 << 20;
    open(options);
    const std::string answer(64 * 1024, 'z');
    for (int i = 0; i < 64 && closed_.empty(); ++i) {
        connection_->send(answer);
    }
    EXPECT_NE(closed_.find("too slowly"), std::string::npos);
}

TEST_P(Lines, what_waits_is_written_when_the_reader_reads_again) {
    open();
    std::string wanted;
    for (int i = 0; i < 100; ++i) {
        const std::string answer(20'000, static_cast<char>('a' + i % 26));
        connection_->send(answer);
        wanted += answer + "\n";
    }
    std::string heard;
    std::jthread reader([&] {
        while (heard.size() < wanted.size()) {
            heard += hear(65536);
        }
        loop_->stop();
    });
    loop_->run();
    reader.join();
    EXPECT_EQ(heard, wanted);
    EXPECT_FALSE(connection_->journal().mid_line());
}

TEST_P(Lines, paused_lines_wait_and_come_in_order) {
    open();
    on_line = [](LineConnection& from, std::string_view) { from.pause(); };
    say("a\nb\nc\n");
    run_until([&] { return lines_.size() == 1; });
    connection_->resume();
    run_until([&] { return lines_.size() == 2; });
    connection_->resume();
    run_until([&] { return lines_.size() == 3; });
    EXPECT_EQ(lines_, (std::vector<std::string>{"a", "b", "c"}));
}

TEST_P(Lines, a_client_that_goes_away_ends_it) {
    open();
    from_kernel_.reset();
    connection_->send("anybody?");
    run_until([&] { return !closed_.empty(); });
    EXPECT_TRUE(connection_->ended());
}

TEST_P(Lines, lines_left_lying_because_of_a_slow_reader_are_delivered_once_it_reads) {
    LineOptions options;
    options.output_high = 4096;
    on_line = [](LineConnection& from, std::string_view) { from.send(std::string(8192, 'a')); };
    open(options);
    say("1\n2\n3\n4\n5\n");
    to_kernel_.reset();
    run_until([&] { return input_ended_; });
    EXPECT_EQ(lines_.size(), 5U);
}

TEST_P(Lines, a_full_journal_holds_the_lines_back_until_an_id_leaves_it) {
    open();
    on_line = [](LineConnection& from, std::string_view line) { EXPECT_TRUE(from.journal().open(line)); };
    std::string all;
    for (std::size_t i = 0; i < kOpenMax + 1; ++i) {
        all += std::to_string(i) + "\n";
    }
    say(all);
    to_kernel_.reset();
    run_until([&] { return lines_.size() == kOpenMax; });
    connection_->withdraw("17");
    run_until([&] { return input_ended_; });
    EXPECT_EQ(lines_.size(), kOpenMax + 1);
}

// Pipes report that their writer went as long as somebody watches them, whatever was asked for.
TEST_P(Lines, an_input_that_ended_behind_a_reader_that_stands_still_costs_no_processor) {
    LineOptions options;
    options.output_high = 4096;
    options.output_max = 64 << 20;
    on_line = [](LineConnection& from, std::string_view) { from.send(std::string(1 << 20, 'a')); };
    open(options);
    // More than is read ahead, and no more than the pipe holds beyond: the writer comes to its end in any case.
    std::jthread writer([&] {
        const std::string chunk(9'999, 'q');
        for (std::size_t said = 0; said < kReadAhead + 32 * 1024; said += chunk.size() + 1) {
            say(chunk + "\n");
        }
        to_kernel_.reset();
    });
    loop_->after(from_millis(300), [&] { loop_->stop(); });
    timespec before{};
    timespec after{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    loop_->run();
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    const auto spent_ms = (after.tv_sec - before.tv_sec) * 1'000 + (after.tv_nsec - before.tv_nsec) / 1'000'000;
    EXPECT_LT(spent_ms, 150);
    EXPECT_EQ(lines_.size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Ends, Lines, testing::Values(Ends::Pipes, Ends::Socket),
                         [](const auto& one) { return one.param == Ends::Pipes ? "pipes" : "socket"; });

class Nothing final : public LineSink {
    void line(LineConnection&, std::string_view) override {}
    void overlong(LineConnection&, std::string_view, bool) override {}
    void input_ended(LineConnection&) override {}
    void closed(LineConnection&, const std::string&) override {}
};

TEST(LineConnection, accepts_only_pipes_and_stream_sockets) {
    auto loop = Loop::create();
    ASSERT_TRUE(loop);
    Nothing sink;
    for (const char* path : {"/dev/null", "/proc/self/exe"}) {
        auto journal = Journal::create();
        ASSERT_TRUE(journal);
        const auto refused = LineConnection::open(**loop, Descriptor(::open(path, O_RDONLY)),
                                                  Descriptor(dup(1)), std::move(*journal), sink);
        ASSERT_FALSE(refused) << path;
        EXPECT_EQ(refused.error().code, Code::InvalidArgument) << path;
    }
}

}  // namespace
}  // namespace resonant::net
