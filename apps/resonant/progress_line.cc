#include "apps/resonant/progress_line.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "resonant/base/printable.h"
#include "resonant/base/utf8.h"

namespace resonant::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kRewritten = 100ms;  // at most so often on a terminal
constexpr auto kRepeated = 5s;      // elsewhere
constexpr std::size_t kWordsMax = 60;
constexpr const char* kClearLine = "\r\x1b[K";

std::string line_of(std::string_view what, double done, double total, std::string_view words) {
    std::string line = fmt::format("{}: ", what);
    if (total > 0) {
        line += fmt::format("{:3.0f} % ", 100 * std::clamp(done / total, 0.0, 1.0));
    }
    return line + printable(cut_utf8(words, kWordsMax));
}

}  // namespace

ProgressLine::ProgressLine(std::string_view what, bool quiet)
    : what_(what),
      is_quiet_(quiet),
      is_terminal_(::isatty(STDERR_FILENO) != 0),
      told_(std::chrono::steady_clock::now() - (is_terminal_ ? Time::duration(kRewritten) : Time::duration(0))) {}

ProgressLine::~ProgressLine() {
    if (is_shown_) {
        std::fputs(kClearLine, stderr);
    }
}

void ProgressLine::tell(double done, double total, std::string_view words) {
    const Time now = std::chrono::steady_clock::now();
    if (is_quiet_ || now - told_ < (is_terminal_ ? Time::duration(kRewritten) : Time::duration(kRepeated))) {
        return;
    }
    told_ = now;
    const std::string line = line_of(what_, done, total, words);
    std::fprintf(stderr, "%s%s%s", is_terminal_ ? kClearLine : "", line.c_str(), is_terminal_ ? "" : "\n");
    is_shown_ = is_terminal_;
}

}  // namespace resonant::app
