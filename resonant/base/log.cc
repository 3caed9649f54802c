#include "resonant/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>

#include <cstdlib>
#include <memory>
#include <string>

namespace resonant {
namespace {

std::shared_ptr<spdlog::logger> make_logger() {
    auto logger = std::make_shared<spdlog::logger>(
        "resonant", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e resonant[%P] %l: %v");
    const char* wanted = std::getenv("RESONANT_LOG");
    spdlog::level::level_enum level = spdlog::level::warn;
    if (wanted != nullptr) {
        level = spdlog::level::from_str(wanted);
        if (level == spdlog::level::off && std::string(wanted) != "off") {
            level = spdlog::level::warn;
        }
    }
    logger->set_level(level);
    logger->flush_on(spdlog::level::warn);
    return logger;
}

}  // namespace

spdlog::logger& log() {
    // The one singleton of the program: a log must work before and after everything else.
    static const std::shared_ptr<spdlog::logger> logger = make_logger();
    return *logger;
}

}  // namespace resonant
