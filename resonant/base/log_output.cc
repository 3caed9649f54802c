#include "resonant/base/log_output.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/formatter.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string_view>

#include "resonant/base/log.h"
#include "resonant/base/printable.h"

namespace resonant {
namespace {

constexpr std::array<std::string_view, 6> kLevels = {"trace", "debug", "info", "warn", "error", "off"};

std::string_view text_of(const spdlog::string_view_t& view) { return {view.data(), view.size()}; }

std::string time_of(spdlog::log_clock::time_point at) {
    const auto since = at.time_since_epoch();
    const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(since).count() % 1000;
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03d}Z", fmt::gmtime(spdlog::log_clock::to_time_t(at)), millis);
}

// sd-daemon(3): <7> debug, <6> info, <4> warning, <3> error.
int priority_of(spdlog::level::level_enum level) {
    switch (level) {
        case spdlog::level::warn: return 4;
        case spdlog::level::err:
        case spdlog::level::critical: return 3;
        case spdlog::level::info: return 6;
        default: return 7;
    }
}

std::string_view name_of_level(spdlog::level::level_enum level) {
    return level == spdlog::level::warn ? "warn" : level == spdlog::level::err ? "error" : text_of(spdlog::level::to_string_view(level));
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : printable(text)) {
        out += c == '"' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
    }
    return out + "\"";
}

class LineFormatter final : public spdlog::formatter {
  public:
    LineFormatter(LogFormat format, bool journal) : format_(format), journal_(journal) {}

    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& into) override {
        const std::string_view level = name_of_level(message.level);
        std::string line = journal_ ? fmt::format("<{}>", priority_of(message.level)) : std::string();
        if (format_ == LogFormat::Structured) {
            line += fmt::format(R"({{"time":"{}","level":"{}","pid":{},"message":{}}})", time_of(message.time), level,
                                ::getpid(), quoted(text_of(message.payload)));
        } else if (journal_) {
            line += printable(text_of(message.payload));
        } else {
            line += fmt::format("{} resonant[{}] {}: {}", time_of(message.time), ::getpid(), level,
                                printable(text_of(message.payload)));
        }
        line += '\n';
        into.append(line.data(), line.data() + line.size());
    }
    std::unique_ptr<spdlog::formatter> clone() const override {
        return std::make_unique<LineFormatter>(format_, journal_);
    }

  private:
    LogFormat format_;
    bool journal_;
};

}  // namespace

bool is_log_level(std::string_view name) { return std::ranges::find(kLevels, name) != kLevels.end(); }

Result<LogFormat> log_format_of(const std::string& name) {
    if (name != "text" && name != "json") {
        return fail(Code::InvalidArgument, fmt::format("log: the format '{}' is not known; it is text or json", name));
    }
    return name == "json" ? LogFormat::Structured : LogFormat::Plain;
}

bool logs_to_journal() {
    const char* const stream = std::getenv("JOURNAL_STREAM");
    struct stat seen {};
    return stream != nullptr && ::fstat(STDERR_FILENO, &seen) == 0 && fmt::format("{}:{}", seen.st_dev, seen.st_ino) == stream;
}

Status set_up_log(const LogOutput& output) {
    const char* const wanted = std::getenv("RESONANT_LOG");
    const std::string level = wanted != nullptr && is_log_level(wanted) ? wanted : output.level;
    if (!is_log_level(level)) {
        return fail(Code::InvalidArgument, fmt::format("log: the level '{}' is not known; it is {}", level, fmt::join(kLevels, ", ")));
    }
    log().set_formatter(std::make_unique<LineFormatter>(output.format, logs_to_journal()));
    log().set_level(spdlog::level::from_str(level));
    return {};
}

}  // namespace resonant
