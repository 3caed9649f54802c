#include "resonant/base/log_output.h"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <regex>

#include "resonant/base/log.h"

namespace resonant {
namespace {

class LogOutputTest : public ::testing::Test {
  protected:
    LogOutputTest() {
        ::unsetenv("RESONANT_LOG");
        ::unsetenv("JOURNAL_STREAM");
    }
    ~LogOutputTest() override {
        ::unsetenv("JOURNAL_STREAM");
        EXPECT_TRUE(set_up_log({}));
    }

    static std::string written(const std::string& text) {
        ::testing::internal::CaptureStderr();
        log().info("{}", text);
        log().flush();
        return ::testing::internal::GetCapturedStderr();
    }
};

TEST_F(LogOutputTest, a_line_has_a_time_in_utc_and_a_level) {
    ASSERT_TRUE(set_up_log({.level = "info"}));
    EXPECT_TRUE(std::regex_match(written("hello"), std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z resonant\[\d+\] info: hello\n)")));
}

TEST_F(LogOutputTest, what_others_named_cannot_forge_a_line_or_reach_a_terminal) {
    ASSERT_TRUE(set_up_log({.level = "info"}));
    const std::string line = written("client 'a\n2026-01-01 error: forged\x1b[2J'");
    EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
    EXPECT_NE(line.find("a\\n2026"), std::string::npos) << line;
    EXPECT_EQ(line.find('\x1b'), std::string::npos) << line;
}

TEST_F(LogOutputTest, json_lines_are_json_whatever_they_say) {
    ASSERT_TRUE(set_up_log({.level = "info", .format = LogFormat::Structured}));
    const std::string line = written("say \"x\" \\ \x1b");
    EXPECT_NE(line.find(R"("level":"info")"), std::string::npos) << line;
    EXPECT_TRUE(line.ends_with(R"("message":"say \"x\" \\ \\x1b"})" "\n")) << line;
}

TEST_F(LogOutputTest, the_level_of_the_environment_goes_first_and_unknown_ones_are_named) {
    ASSERT_TRUE(set_up_log({.level = "warn"}));
    EXPECT_EQ(written("quiet"), "");
    ::setenv("RESONANT_LOG", "info", 1);
    ASSERT_TRUE(set_up_log({.level = "warn"}));
    EXPECT_NE(written("loud"), "");
    ::unsetenv("RESONANT_LOG");
    const Status wrong = set_up_log({.level = "loud"});
    ASSERT_FALSE(wrong);
    EXPECT_NE(wrong.error().message.find("trace, debug, info"), std::string::npos);
    EXPECT_FALSE(log_format_of("xml"));
}

TEST_F(LogOutputTest, the_journal_is_given_a_priority_and_no_second_time) {
    ::testing::internal::CaptureStderr();
    struct stat seen {};
    ASSERT_EQ(::fstat(STDERR_FILENO, &seen), 0);
    ::setenv("JOURNAL_STREAM", fmt::format("{}:{}", seen.st_dev, seen.st_ino).c_str(), 1);
    ASSERT_TRUE(set_up_log({.level = "info"}));
    log().warn("full");
    log().info("here");
    log().flush();
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "<4>full\n<6>here\n");
}

}  // namespace
}  // namespace resonant
