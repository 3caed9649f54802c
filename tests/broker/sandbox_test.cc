#include "resonant/broker/sandbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "resonant/base/clock.h"
#include "tests/support/fork.h"

namespace resonant::broker {
namespace {

using testing::HasSubstr;
using testing::Not;

class SandboxTest : public testing::Test {
  protected:
    void SetUp() override {
        if (!sandbox_.status().available) {
            GTEST_SKIP() << sandbox_.status().reason;
        }
    }
    Result<Outcome> run(std::vector<std::string> command) {
        Program program;
        program.command = std::move(command);
        return sandbox_.run(program, nullptr);
    }
    Result<Outcome> shell(const std::string& line) { return run({"/bin/sh", "-c", line}); }

    SystemClock clock_;
    Sandbox sandbox_{clock_, {}};
};

TEST_F(SandboxTest, gives_exit_status_output_and_errors) {
    const auto outcome = shell("echo out; echo err >&2; exit 7");
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
    EXPECT_EQ(outcome->exit_status, 7);
    EXPECT_EQ(outcome->output, "out\n");
    EXPECT_EQ(outcome->errors, "err\n");
    EXPECT_FALSE(outcome->timed_out);
}

TEST_F(SandboxTest, passes_words_as_they_are_and_no_shell_reads_them) {
    const auto outcome = run({"/bin/echo", "$(id)", ";", "rm"});
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
    EXPECT_EQ(outcome->output, "$(id) ; rm\n");
}

TEST_F(SandboxTest, hands_over_input_and_files_in_an_empty_work_folder) {
    Program program;
    program.command = {"/bin/sh", "-c", "cat; cat data/in.txt; ls"};
    program.input = "from stdin\n";
    program.files["data/in.txt"] = "from file\n";
    const auto outcome = sandbox_.run(program, nullptr);
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
    EXPECT_EQ(outcome->output, "from stdin\nfrom file\ndata\n");
}

TEST_F(SandboxTest, has_no_network_but_a_loopback_of_its_own) {
    const auto outcome = shell("tail -n +3 /proc/net/dev | cut -d: -f1");
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
    EXPECT_EQ(outcome->output, "    lo\n");
    const auto connect = shell("exec 3<>/dev/tcp/192.0.2.1/80 && echo reached");
    ASSERT_TRUE(connect.has_value()) << connect.error().message;
    EXPECT_THAT(connect->output, Not(HasSubstr("reached")));
}

TEST_F(SandboxTest, network_is_refused_while_policy_does_not_allow_it) {
    Program program;
    program.command = {"/bin/true"};
    program.network = true;
    EXPECT_EQ(sandbox_.run(program, nullptr).error().code, Code::PermissionDenied);
}

TEST_F(SandboxTest, sees_no_home_no_secrets_and_no_environment) {
    setenv("RESONANT_TEST_SECRET", "s3cret", 1);
    const auto outcome = shell("ls /root /home /etc/passwd /run /var /sys 2>/dev/null; env");
    unsetenv("RESONANT_TEST_SECRET");
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
    EXPECT_THAT(outcome->output, Not(HasSubstr("s3cret")));
    EXPECT_THAT(outcome->output, Not(HasSubstr("passwd")));
    EXPECT_THAT(outcome->output, HasSubstr("HOME=/box"));
}

TEST_F(SandboxTest, cannot_write_outside_its_work_folder_nor_past_its_memory) {
    const auto outside = shell("touch /x /usr/x /dev/shm/x 2>&1 | wc -l");
    ASSERT_TRUE(outside.has_value()) << outside.error().message;
    EXPECT_EQ(outside->output, "3\n");
    Program program;
    program.command = {"/bin/sh", "-c", "head -c 40000000 /dev/zero > big; stat -c %s big"};
    program.memory = mebibytes(32);
    const auto full = sandbox_.run(program, nullptr);
    ASSERT_TRUE(full.has_value()) << full.error().message;
    EXPECT_LE(std::stoll("0" + full->output), 32 * 1024 * 1024);
}

TEST_F(SandboxTest, a_program_that_runs_too_long_is_killed_with_all_its_children) {
    Program program;
    program.command = {"/bin/sh", "-c", "(trap '' TERM HUP; sleep 600) & sleep 600"};
    program.timeout = from_millis(300);
    const auto outcome = sandbox_.run(program, nullptr);
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
    EXPECT_TRUE(outcome->timed_out);
    EXPECT_EQ(outcome->exit_status, 137);
    EXPECT_EQ(sandbox_.status().timeouts, 1U);
}

TEST_F(SandboxTest, a_cancelled_call_ends_the_program) {
    std::atomic<bool> cancelled{false};
    Program program;
    program.command = {"/bin/sleep", "600"};
    std::thread canceller([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        cancelled = true;
    });
    const auto outcome = sandbox_.run(program, &cancelled);
    canceller.join();
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
    EXPECT_FALSE(outcome->timed_out);
    EXPECT_EQ(outcome->exit_status, 137);
}

TEST_F(SandboxTest, endless_output_is_cut_and_said_so) {
    Program program;
    program.command = {"/usr/bin/yes"};
    program.timeout = from_millis(500);
    const auto outcome = sandbox_.run(program, nullptr);
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
    EXPECT_EQ(outcome->output.size(), Sandbox::kOutputMax);
    EXPECT_TRUE(outcome->output_cut);
}

TEST_F(SandboxTest, a_fork_bomb_hits_the_bound_on_processes) {
    Program program;
    program.command = {
        "/bin/sh", "-c",
        "i=0; while [ $i -lt 400 ]; do sleep 30 & i=$((i+1)); done; echo all started"};
    program.timeout = from_seconds(10);
    const auto outcome = sandbox_.run(program, nullptr);
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
    EXPECT_THAT(outcome->output, Not(HasSubstr("all started")));
    EXPECT_THAT(outcome->errors, HasSubstr("fork"));
}

// Processes of one user that do nothing, as a desktop has them.
class Crowd {
  public:
    explicit Crowd(int processes) {
        for (int i = 0; i < processes; ++i) {
            members_.push_back(std::make_unique<test::Forked>([] {
                while (true) {
                    ::pause();
                }
            }));
        }
    }

  private:
    std::vector<std::unique_ptr<test::Forked>> members_;
};

// Runs `check` as an ordinary user who has many more processes than a sandbox may have.
void among_others(const std::function<void()>& check) {
    test::Forked user([&] {
        ASSERT_TRUE(::geteuid() != 0 || test::become_nobody());
        const Crowd others(Sandbox::kProcessesMax + 20);
        check();
    });
    EXPECT_EQ(user.wait(), 0);
}

TEST_F(SandboxTest, a_user_with_many_processes_can_run_programs) {
    among_others([this] {
        const auto outcome = shell("ls / | wc -l; echo done");
        ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
        EXPECT_THAT(outcome->output, HasSubstr("done"));
    });
}

TEST_F(SandboxTest, what_root_runs_is_bounded_among_many_processes_of_nobody) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "the tests run as an ordinary user, for whom the test above is the whole";
    }
    std::vector<std::unique_ptr<test::Forked>> others;
    for (int i = 0; i < Sandbox::kProcessesMax + 20; ++i) {
        others.push_back(std::make_unique<test::Forked>([] {
            while (test::become_nobody()) {
                ::pause();
            }
        }));
    }
    const auto outcome = shell("ls / | wc -l; echo done");
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
    EXPECT_THAT(outcome->output, HasSubstr("done"));
}

TEST_F(SandboxTest, a_fork_bomb_of_a_user_with_many_processes_is_contained) {
    among_others([this] {
        Program program;
        program.command = {"/bin/sh", "-c",
                           "i=0; while [ $i -lt 400 ]; do sleep 30 & i=$((i+1)); done; echo all started"};
        program.timeout = from_seconds(10);
        const auto outcome = sandbox_.run(program, nullptr);
        ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
        EXPECT_THAT(outcome->output, Not(HasSubstr("all started")));
        EXPECT_THAT(outcome->errors, HasSubstr("fork"));
    });
}

TEST_F(SandboxTest, files_that_cannot_lie_side_by_side_are_the_callers_mistake) {
    for (const auto& [one, other] : {std::pair{"a", "a/b"}, std::pair{"d/a", "d/a/b/c"}, std::pair{"a/b", "a//b"},
                                     std::pair{"a/", "b"}}) {
        Program program;
        program.command = {"/bin/true"};
        program.files = {{one, "x"}, {other, "y"}};
        const auto outcome = sandbox_.run(program, nullptr);
        ASSERT_FALSE(outcome.has_value()) << one;
        EXPECT_EQ(outcome.error().code, Code::InvalidArgument) << outcome.error().message;
    }
    Program program;
    program.command = {"/bin/cat", "a", "a.b/c", "ab"};
    program.files = {{"a", "1"}, {"a.b/c", "2"}, {"ab", "3"}};
    const auto outcome = sandbox_.run(program, nullptr);
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
    EXPECT_EQ(outcome->output, "123");
}

TEST_F(SandboxTest, an_unknown_program_is_named) {
    const auto outcome = run({"no-such-program"});
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.error().code, Code::NotFound);
    EXPECT_THAT(outcome.error().message, HasSubstr("no-such-program"));
}

TEST_F(SandboxTest, requests_past_the_limits_are_refused_before_anything_runs) {
    EXPECT_EQ(run({}).error().code, Code::InvalidArgument);
    for (const char* name : {"/etc/x", "../x", "a/../../x", ""}) {
        Program program;
        program.command = {"/bin/true"};
        program.files[name] = "x";
        EXPECT_EQ(sandbox_.run(program, nullptr).error().code, Code::InvalidArgument) << name;
    }
    Program slow;
    slow.command = {"/bin/true"};
    slow.timeout = from_seconds(1e6);
    EXPECT_EQ(sandbox_.run(slow, nullptr).error().code, Code::InvalidArgument);
    EXPECT_EQ(sandbox_.status().runs, 0U);
}

}  // namespace
}  // namespace resonant::broker
