// A ToolClient is the client of one call as the tool sees it. In the legacy eras it sends a request and
// waits; in the modern one it answers from what came with the call, and notes what is still open.
//
// Threads: ask(), log() and release() from the tool's thread; the rest on the loop's.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "resonant/call/client.h"
#include "resonant/mcp/server.h"

namespace resonant::mcp {

inline constexpr Nanos kAnswerPatience = from_seconds(300);

class ToolClient final : public call::Client {
  public:
    struct Place {
        net::Loop& loop;
        std::shared_ptr<Conversation> conversation;
        std::shared_ptr<Outlet> outlet;
        std::shared_ptr<std::atomic<bool>> cancelled;
        bool modern = false;
        std::shared_ptr<const Json> capabilities;      // of the client
        std::optional<call::LogLevel> log_level = {};  // none: no logs are wanted
    };
    // `answers`: results by key that came with the call; modern only.
    ToolClient(Place place, Json answers) : place_(std::move(place)), answers_(std::move(answers)) {}

    bool can(std::string_view capability) const override;
    Result<std::vector<Json>> ask(const std::vector<call::Question>& questions) override;
    void log(call::LogLevel level, std::string_view logger, const Json& data) override;
    void release(Nanos retry) override;

    // After the tool has ended: what it still wants to know, and what the client would have to be able to do.
    const std::vector<call::Question>& open() const { return open_; }
    const std::string& missing() const { return missing_; }
    const Json& answers() const { return answers_; }

  private:
    Result<Json> ask_and_wait(const call::Question& question);

    const Place place_;
    const Json answers_;
    std::vector<call::Question> open_;
    std::string missing_;
};

}  // namespace resonant::mcp
