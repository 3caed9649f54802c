#include "resonant/dispatch/call_log.h"

#include <algorithm>

#include "resonant/base/log.h"

namespace resonant::dispatch {
namespace {

// Mistakes of the caller, and questions to it.
bool is_answer(Code code) {
    switch (code) {
        case Code::InvalidArgument:
        case Code::NotFound:
        case Code::AlreadyExists:
        case Code::Conflict:
        case Code::InputRequired: return true;
        default: return false;
    }
}

}  // namespace

bool CallLog::take_line() {
    const std::lock_guard lock(mutex_);
    const Nanos now = clock_.monotonic();
    const auto seconds = static_cast<std::int64_t>((now - filled_).seconds());
    if (seconds > 0) {
        lines_ = std::min(kLinesInARow, lines_ + seconds);
        filled_ = now;
    }
    if (lines_ == 0) {
        ++left_out_;
        return false;
    }
    --lines_;
    if (left_out_ > 0) {
        log().info("{} refused or failed calls before this one were not noted", left_out_);
        left_out_ = 0;
    }
    return true;
}

void CallLog::refused(const call::Call& call, const call::Denial& denial) {
    if (log().should_log(spdlog::level::info) && take_line()) {
        log().info("refused: {} by {} (client '{}'), stage {}{}{}", call.contract->name, call.caller.principal, call.caller.client,
                   denial.stage, denial.rule.empty() ? "" : ": ", denial.rule);
    }
}

void CallLog::failed(const call::Call& call, Code code) {
    if (!is_answer(code) && log().should_log(spdlog::level::warn) && take_line()) {
        log().warn("failed: {} by {} (client '{}'): {}", call.contract->name, call.caller.principal, call.caller.client, name_of(code));
    }
}

}  // namespace resonant::dispatch
