// Whether a server still knows us: what it refuses may be the call, or the session that it forgot.
#include <fmt/core.h>

#include <algorithm>
#include <cctype>

#include "resonant/base/log.h"
#include "resonant/mcp/upstream.h"

namespace resonant::mcp {
namespace {

constexpr Nanos kProbePatience = from_seconds(10);
constexpr Nanos kCheckPatience = from_seconds(2);
constexpr Nanos kHeardLately = from_seconds(1);     // so long it is not asked whether it is there

// Statuses with which servers refuse a session that they do not know; they never ran what they answer so.
bool may_refuse_session(int status) { return status == 400 || status == 404 || status == 409 || status == 410 || status == 422; }

// "No valid session ID provided", "Session not found", "Server not initialized", ...
bool speaks_of_session(std::string_view words) {
    std::string small(words);
    std::transform(small.begin(), small.end(), small.begin(), [](unsigned char c) { return std::tolower(c); });
    return small.find("session") != std::string::npos || small.find("initializ") != std::string::npos;
}
constexpr Nanos kRenewPause = from_seconds(5);      // a session forgotten sooner is a fault like others

}  // namespace

// Whether a refusal may be one of the session, not of the call.
bool Upstream::doubts_session(const Pending& held, const std::string& words) const {
    if (state_ != State::Ready || modern_ || !held.tool || held.again) {
        return false;
    }
    return (link_ && link_->has_session() && may_refuse_session(held.status)) || (held.reached && speaks_of_session(words));
}

// What was refused, the call or the session, is found out by asking for something harmless.
void Upstream::doubt(const Held& held, Error refusal) {
    doubted_.emplace_back(held, std::move(refusal));
    probe();
}

void Upstream::doubted(const Error& why) {
    if (state_ == State::Ready) {
        last_error_ = why.message;
        probe();
    }
}

void Upstream::check(std::function<void()> done) {
    const bool quiet = needs_.clock.monotonic() - heard_at_ > kHeardLately;
    if (state_ != State::Ready || spec_.url.empty() || !quiet) {
        done();
        return;
    }
    checks_.push_back(std::move(done));
    probe();
    needs_.loop.after(kCheckPatience, [this, alive = std::weak_ptr<int>(alive_)] {
        for (const auto& one : alive.expired() ? std::vector<std::function<void()>>() : std::exchange(checks_, {})) {
            one();
        }
    });
}

// A refused call's session is asked for a list, since servers answer a ping before any handshake.
void Upstream::probe() {
    if (state_ != State::Ready || std::exchange(probing_, true)) {
        return;
    }
    const bool lists = !modern_ && !doubted_.empty();
    const char* method = modern_                                                 ? "server/discover"
                         : lists && capabilities_.contains("tools")     ? "tools/list"
                         : lists && capabilities_.contains("resources") ? "resources/list"
                         : lists && capabilities_.contains("prompts")   ? "prompts/list"
                                                                        : "ping";
    const auto asked = std::make_shared<Pending>();
    asked->done = [this, weak = std::weak_ptr<Pending>(asked), generation = generation_](const Result<Json>& result) {
        if (const Held held = weak.lock(); held && generation == generation_) {
            probed(held, result);
        }
    };
    request(method, Json::object(), asked, kProbePatience);
}

void Upstream::probed(const Held& asked, const Result<Json>& result) {
    probing_ = false;
    const bool refused = !result && asked->reached && result.error().code != Code::NotFound;  // that is: no such method
    if (refused && ((link_ && link_->has_session() && may_refuse_session(asked->status)) || speaks_of_session(result.error().message))) {
        renew(fmt::format("it forgot our session ({})", result.error().message));
        return;
    }
    if (!result && !asked->reached && result.error().code != Code::Timeout) {
        lost(result.error());
        return;
    }
    for (const auto& [held, refusal] : std::exchange(doubted_, {})) {
        answered(held, std::unexpected(refusal));
    }
    for (const auto& done : std::exchange(checks_, {})) {
        done();
    }
}

// The server is there and knows our session no more. Calls that it refused for that are sent again.
void Upstream::renew(const std::string& why) {
    const Nanos now = needs_.clock.monotonic();
    if (renewed_at_.count > 0 && now - renewed_at_ < kRenewPause) {
        lost({Code::Unavailable, why});
        return;
    }
    log().info("upstream {}: {}; a new handshake", spec_.name, why);
    renewed_at_ = now;
    ++generation_;
    ++restarts_;
    last_error_ = why;
    end_link(false);
    enter(State::Connecting);
    std::vector<Held> again;
    std::erase_if(doubted_, [&](const auto& one) {
        const bool anew = !one.first->again && !one.first->over && one.first->answer;
        if (anew) {
            one.first->again = true;
            again.push_back(one.first);
        }
        return anew;
    });
    end_calls({Code::Unavailable, fmt::format("server {}: {}", spec_.name, why)});
    waiting_.insert(waiting_.end(), again.begin(), again.end());
    connect();
}

}  // namespace resonant::mcp
